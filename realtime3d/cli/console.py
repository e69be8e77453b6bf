"""What the command line says, and where: results on stdout, messages on stderr, native libraries' chatter nowhere."""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import sys


class _Messages(logging.Handler):
    """One line a message, above a progress bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        line = f"realtime3d: {' '.join(record.getMessage().split())}"
        bars = sys.modules.get("tqdm")
        if bars:
            bars.tqdm.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)


def set_up_messages(*, quiet: bool, verbose: bool, debug: bool) -> None:
    """Send the library's log to stderr and, unless asked for more, silence what native code writes there itself."""
    if not (verbose or debug):
        hush_native_code()
    log = logging.getLogger("realtime3d")
    log.handlers[:] = [_Messages()]
    log.propagate = False
    log.setLevel(logging.DEBUG if debug else logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING)


def hush_native_code() -> None:
    """Point file descriptor 2 at nothing while Python keeps writing to the real stderr.

    TensorFlow Lite, FFmpeg and OpenCV write start-up chatter straight to the descriptor; no setting turns it off.
    """
    try:
        if sys.stderr.fileno() != 2:  # captured, or hushed before
            return
    except (AttributeError, OSError, io.UnsupportedOperation):
        return
    sys.stderr.flush()
    real = os.dup(2)
    sys.stderr = os.fdopen(real, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    faulthandler.enable(sys.stderr)  # a crash of native code must still leave its trace
