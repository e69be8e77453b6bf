"""What the command line says, and where: results on stdout, messages on stderr, native libraries' chatter nowhere."""

from __future__ import annotations

import logging
import sys

from realtime3d.errors import printable
from realtime3d.process import hush_native_code


class _Messages(logging.Handler):
    """One line a message, above a progress bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        line = f"realtime3d: {printable(record.getMessage())}"
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
