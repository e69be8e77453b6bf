"""`python -m realtime3d` and the script `realtime3d`: both are the command line."""

from __future__ import annotations

import os
import signal
import sys
import threading


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
    code = run()
    _leave_waiting_threads(code)
    return code


def _leave_waiting_threads(code: int) -> None:
    """Where Ctrl-C came while a thread waits for a server's first picture, end at once.

    Python's end takes libraries from under such a thread: now and then that crashes, and the exit code is the crash's.
    """
    from realtime3d.cli.interrupt import INTERRUPTED

    if code == INTERRUPTED and any(thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
