"""Open the live page: faces as a mesh in the browser, from its camera, a film, a stream or the bundled clip.

It listens on this machine only. With --host others can reach it, by the link with the token that it prints.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from realtime3d.cli import options

PORT = 8321


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", help="camera number, stream, film or picture (the bundled clip)"
    )
    server = parser.add_argument_group("server")
    server.add_argument("--host", metavar="H", default="127.0.0.1", help="address to listen on; 0.0.0.0: all")
    server.add_argument("--port", metavar="N", type=options.at_least(0), default=PORT, help=f"({PORT}); 0: any")
    server.add_argument("--token", metavar="T", default="", help="who has it may come in (with --host: made)")
    server.add_argument("--tls-cert", metavar="F", type=Path, help="certificate: browsers give no camera without")
    server.add_argument("--tls-key", metavar="F", type=Path, help="its key, where it is in a file of its own")
    server.add_argument("--no-open", action="store_true", help="do not open a browser")
    server.add_argument("--images", metavar="DIR", type=Path, help="results of `realtime3d images` to browse")
    server.add_argument("--save-to", metavar="DIR", type=Path, default=Path(), help="for snapshots and recordings")
    options.add_send_options(parser)
    options.add_run_options(parser)
    options.add_config_options(parser)
    options.add_common(parser)
    parser.set_defaults(blendshapes=False, raw=False, overwrite=False, mesh_every=1, mesh=None)


def run(args: argparse.Namespace) -> int:
    from realtime3d.cli.interrupt import INTERRUPTED, Interrupt
    from realtime3d.cli.running import job_from
    from realtime3d.demo import clip_path
    from realtime3d.errors import require
    from realtime3d.nets import modelset
    from realtime3d.sources.base import SourceOptions

    for module in ("starlette", "uvicorn", "websockets"):
        require(module, "", "the live page")
    from realtime3d.view.web.serve import Address, serve

    job = job_from(args, SourceOptions())
    modelset.find(job.config.models.set).check_streams()
    address = Address(args.host, args.port, args.token, args.tls_cert, args.tls_key)
    with Interrupt() as stop:
        serve(
            job,
            args.source,
            clip_path(),
            address,
            args.save_to,
            ready=lambda links: _say(links, args),
            stopped=lambda: stop.requested,
            images=args.images,
        )
        return INTERRUPTED if stop.requested else 0


def _say(links: dict[str, str], args: argparse.Namespace) -> None:
    if not args.quiet:
        for what, link in links.items():
            print(f"{what}: {link}", flush=True)
        if "to watch only" in links and sys.stdout.isatty():  # others come in with it, from a telephone perhaps
            from realtime3d.view.web.qr import qr_text

            print(qr_text(links["page"]), flush=True)
    if not args.no_open:
        import threading
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(next(iter(links.values())),), daemon=True).start()
