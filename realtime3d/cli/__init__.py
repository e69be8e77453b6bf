"""The command line: parse everything into a plan, then run it, then end with the contract's exit code.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import keyword
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from realtime3d.errors import MissingError, OutputError, Realtime3dError, printable
from realtime3d.process import fill_standard_descriptors

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
COMMANDS = (
    "demo", "video", "live", "serve", "images", "batch", "view", "replay", "import", "build", "bench", "training",
    "config", "doctor",
)  # fmt: skip


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and that takes no abbreviations: scripts outlive new options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        complain(f"{message} (see `{self.prog} --help`)")
        sys.exit(2)


def complain(message: str) -> None:
    """One line on stderr, whatever the message held."""
    print("realtime3d:", printable(message), file=sys.stderr)


def build_parser() -> Parser:
    """The whole command line; each command's module adds its own part."""
    parser = Parser(prog="realtime3d", description="Follow faces in 3D: pose, expression and identity from video.")
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        module = importlib.import_module(f"realtime3d.cli.{name}{'_' * keyword.iskeyword(name)}")
        text = module.__doc__ or ""
        command = commands.add_parser(
            name, help=text.partition("\n")[0], description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
        command.set_defaults(run_command=module.run, refuse=command.error)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    from realtime3d.cli.interrupt import INTERRUPTED, after_imports

    fill_standard_descriptors()
    try:
        with after_imports():
            return _main(argv)
    except KeyboardInterrupt:
        return INTERRUPTED


def _main(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        getattr(args, "refuse", parser.error)(f"unrecognized arguments: {' '.join(unknown)}")
    if args.version:
        from realtime3d import __version__

        print(f"realtime3d {__version__}")
        return 0
    if not hasattr(args, "run_command"):
        parser.print_help()
        return 2
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    from realtime3d.cli.console import set_up_messages

    set_up_messages(quiet=args.quiet, verbose=args.verbose, debug=args.debug)
    try:
        code: int = args.run_command(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output went away, as in `realtime3d config | head -1`
        _mute_stdout()
        return 0
    except Realtime3dError as error:
        if args.debug:
            traceback.print_exc()
        complain(str(error))
        return error.exit_code
    except ImportError as error:
        if args.debug:
            traceback.print_exc()
        complain(f"a library does not load ({error}): `realtime3d doctor` gives the line that helps")
        return MissingError.exit_code
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            _mute_stdout()  # files say so themselves: it was a print
            complain(f"the standard output cannot be written ({error.strerror}): make room, or send it elsewhere")
            return OutputError.exit_code
        complain(_bug_report(error))
        return 1


def _mute_stdout() -> None:
    """What is still waiting to be printed goes nowhere, instead of failing again when Python ends."""
    with contextlib.suppress(OSError, ValueError):  # a stdout that is no file needs nothing
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug_report(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"this is a bug in realtime3d, please report this line: {type(error).__name__}: {error} "
        f"({os.path.basename(where.filename)}:{where.lineno}); `--debug` shows the whole story"
    )
