"""Play a table again: its frames at their own times, to avatars (--send) or into a take of Live Link Face.

TABLE is what `video` or `live` wrote: a .csv, .parquet or .jsonl file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from realtime3d.cli import options
from realtime3d.words import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", metavar="TABLE", type=Path)
    parser.add_argument("--loop", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument("--livelink-csv", metavar="F", type=Path, help="one face as a take of Live Link Face")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.add_argument("--models", metavar="compact|accurate|DIR", default="default", help="as when it was written")
    options.add_pace_option(parser)
    options.add_send_options(parser)
    options.add_expression_options(parser, "messages (--send -, udp, ws)")
    options.add_common(parser)


def run(args: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from realtime3d.avatar.options import Sending
    from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
    from realtime3d.errors import UsageError
    from realtime3d.files import check_output, remove
    from realtime3d.replay import moments, play, read_table
    from realtime3d.sinks.base import Sink
    from realtime3d.sinks.livelink_csv import LiveLinkCsvSink, measured

    send = options.send_from(args)
    send.check()
    if not send.all_targets() and args.livelink_csv is None:
        raise UsageError("say where to: --send URL (see `realtime3d replay --help`), or --livelink-csv F")
    if args.livelink_csv is not None:
        if args.loop:
            raise UsageError("--livelink-csv holds one turn: leave out --loop")
        check_output(args.livelink_csv, args.overwrite, [args.table])
        if args.overwrite:
            remove(args.livelink_csv)
    recording = read_table(args.table, models=args.models)
    sending = Sending(send)
    pace = args.pace if send.needs_pace else 0.0
    with Interrupt() as stop:
        with ExitStack() as opened:
            sinks: list[Sink] = [opened.enter_context(sender) for sender in sending.senders]
            if args.livelink_csv is not None:
                take = LiveLinkCsvSink(args.livelink_csv, values=sending.take(0) or measured)
                sinks.append(opened.enter_context(take))
            _say([recording.note, *(f"sending to {sender.line.address}" for sender in sending.senders)], args)
            count = play(stop.until(moments(recording, pace=pace, loop=args.loop)), sinks)
        sending.learner.end()
        written = [f"  written: {args.livelink_csv}"] if args.livelink_csv is not None else []
        _say([f"{args.table}: {counted(count, 'frame')}", *(f"  {line}" for line in sending.lines()), *written], args)
        return INTERRUPTED if stop.requested else 0


def _say(lines: list[str], args: argparse.Namespace) -> None:
    if not args.quiet:
        print("\n".join(filter(None, lines)), file=sys.stderr if "-" in args.send else sys.stdout, flush=True)
