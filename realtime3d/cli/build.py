"""Compile the nets for NVIDIA GPUs: ONNX to engines/NAME.sm86.fp16.engine with a JSON sidecar.

Each net is first run in the chosen precision in ONNX Runtime and compared with the exported one; what differs too much
is refused. TensorRT for RTX builds for any of its targets on a machine without a GPU.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.cli.options import add_common

if TYPE_CHECKING:
    from realtime3d.backends.engines import EngineInfo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", metavar="compact|accurate|DIR", default="default", help="which nets")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp16", help="fp16 by default")
    parser.add_argument(
        "--target", metavar="sm86", nargs="+", help="compute capabilities to build for; default: the GPU here"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="default: where the back end looks for engines")
    parser.add_argument("--overwrite", action="store_true", help="build anew what is there already")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    from realtime3d.backends import engine_build, engines
    from realtime3d.backends.tensorrt_library import library
    from realtime3d.errors import MissingError
    from realtime3d.nets import modelset

    models = modelset.find(args.models)
    models.check()
    compiler, here = library(), engine_build.gpu_here()
    targets = list(dict.fromkeys(args.target or [here] * (here is not None)))
    if not targets:
        raise MissingError("there is no NVIDIA GPU here to build for: name what to build for, as in --target sm86")
    for target in targets:
        compiler.check_target(target, here)

    def say(path: Path, info: EngineInfo, new: bool) -> None:
        if not args.quiet:
            print(_line(path, info, new))

    models.say_notice()
    folder = args.out or engines.default_folder()
    nets, face_model = [*models.nets.values(), *models.more.values()], models.load_face_model()
    engine_build.build_all(nets, face_model, targets, args.precision, folder, compiler, args.overwrite, say)
    return 0


def _line(path: Path, info: EngineInfo, new: bool) -> str:
    from realtime3d.backends.engines import differences_text

    what = f"built in {info.build_s:.1f} s" if new else "is there and fits"
    differs = differences_text(info.parity["onnxruntime"])
    return f"{path}  {info.engine_bytes / 1e6:.1f} MB, {what}; differs at most by {differs}"
