"""`python -m realtime3d` and the script `realtime3d`: both are the command line."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Load the command line and run it. Ctrl-C before it is there to say so ends the process without a word."""
    usual = signal.getsignal(signal.SIGINT)
    ours = usual is signal.default_int_handler  # else somebody has other plans with it
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from realtime3d.cli import main as run
    finally:
        if ours:
            signal.signal(signal.SIGINT, usual)
    return run()


if __name__ == "__main__":
    sys.exit(main())
