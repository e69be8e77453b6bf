"""The options that commands share, each defined once, and the way from them to a `Config`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.sinks.choose import OUTPUTS
from realtime3d.sinks.more import LANDMARK_SETS, MoreColumns

if TYPE_CHECKING:
    from realtime3d.avatar.options import SendOptions
    from realtime3d.config import Config


def add_common(parser: argparse.ArgumentParser) -> None:
    """What every command takes."""
    group = parser.add_argument_group("messages")
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="only errors")
    loudness.add_argument("-v", "--verbose", action="store_true", help="also what was chosen and why")
    group.add_argument("--debug", action="store_true", help="tracebacks and every message")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which nets run, on what, with which settings. Each overrides one entry of --config."""
    group = parser.add_argument_group("models")
    group.add_argument("--models", metavar="compact|accurate|DIR", help="which nets")
    group.add_argument(
        "--backend", metavar="NAME", help="what runs the nets: auto, or one that `realtime3d doctor` lists"
    )
    group.add_argument("--device", metavar="NAME", help="auto, cpu, or a device the back end knows")
    group.add_argument("--config", metavar="F.toml", type=Path, help="settings; `realtime3d config` prints them all")


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Every option that is a setting."""
    add_model_options(parser)
    group = parser.add_argument_group("tracking")
    group.add_argument("--max-faces", metavar="N", type=int, help="at most so many, the largest first")
    group.add_argument("--detect-every", metavar="N", type=int, help="look for new faces every N frames")
    group.add_argument(
        "--smooth", action=argparse.BooleanOptionalAction, default=None, help="smooth over time (on by default)"
    )
    add_lens_options(group)


def add_lens_options(group: argparse._ArgumentGroup) -> None:
    """What is known of the camera."""
    lens = group.add_mutually_exclusive_group()
    lens.add_argument("--fov", metavar="DEG", type=float, help="angle of view across the longer side (60 unless told)")
    lens.add_argument("--intrinsics", metavar="F", help="OpenCV calibration file, with lens distortion")
    group.add_argument("--mirror", action="store_true", default=None, help="flip each picture left to right first")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What a run over frames takes beside the settings."""
    group = parser.add_argument_group("faces")
    group.add_argument("--boxes", metavar="F", type=Path, help="face boxes from a file instead of the detector")
    group.add_argument("--profile", metavar="F", type=Path, help="one person's identity: loaded, and stored at the end")


def add_output_options(parser: argparse.ArgumentParser, *, live: bool = False) -> None:
    """Files that a run writes. With several inputs each names a folder."""
    group = parser.add_argument_group("outputs")
    for kind, output in OUTPUTS.items():
        if live and not output.live:
            continue
        group.add_argument(f"--{kind}", metavar="DIR" if output.folder else "F", help=output.help)
    group.add_argument("--mesh-every", metavar="N", type=at_least(1), default=1, help="meshes of each N-th frame")
    group.add_argument("--mesh", choices=("live", "full"), help="level of all meshes (of PLYs full, of GLB live)")
    group.add_argument("--all-frames", action="store_true", help="tables also get a row for frames without faces")
    add_table_options(group, sends=True)


STYLES = ("wire", "shaded", "transparent", "points", "texture", "mask", "off")  # a test holds these to what there is
RENDERERS = ("software", "pyrender")


def add_overlay_options(parser: argparse.ArgumentParser) -> None:
    """How the overlay looks, in files and in the window."""
    group = parser.add_argument_group("overlay")
    group.add_argument("--style", metavar="MODE", choices=STYLES, default="wire", help=f"{', '.join(STYLES)} (wire)")
    group.add_argument("--hide", metavar="LIST", type=_hidden, default=(), help="leave out some of hud, box, axes")
    group.add_argument("--virtual-camera", action="store_true", help="as a camera for other programs, too (an extra)")
    group.add_argument("--renderer", choices=RENDERERS, default=RENDERERS[0], help="pyrender is OpenGL (software)")


def _hidden(text: str) -> tuple[str, ...]:
    from realtime3d.errors import UsageError
    from realtime3d.render.base import style_of

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    try:
        style_of(hide=names)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return names


def add_table_options(group: argparse._ArgumentGroup, *, sends: bool = False) -> None:
    """More columns, and whether files may be replaced."""
    group.add_argument("--blendshapes", action="store_true", help="tables also get ARKit's 52 weights")
    group.add_argument("--raw", action="store_true", help="tables also get the values before smoothing")
    group.add_argument("--gaze", action="store_true", help="tables also get where the eyes look")
    add_expression_options(group, "tables and messages (--send -, udp, ws)" if sends else "tables")
    group.add_argument(
        "--landmarks", choices=tuple(LANDMARK_SETS), help="tables also get landmarks, in pixels and in mm"
    )
    group.add_argument("--overwrite", action="store_true", help="replace files that are there already")


def add_expression_options(group: argparse._ActionsContainer, where: str) -> None:
    """What a face shows, beside its weights."""
    group.add_argument("--action-units", action="store_true", help=f"{where} also get FACS's intensities, 0 to 5")
    group.add_argument(
        "--emotions", action="store_true", help=f"{where} also get what seven emotions a face looks like"
    )


def more_from(args: argparse.Namespace) -> MoreColumns:
    """What tables get on request."""
    given: dict[str, Any] = {f.name: getattr(args, f.name, f.default) for f in dataclasses.fields(MoreColumns)}
    return MoreColumns(**given)


def outputs_from(args: argparse.Namespace) -> dict[str, str]:
    """The outputs that were asked for, by kind, as they were written: `results/` is a folder."""
    given = {kind: getattr(args, kind.replace("-", "_"), None) for kind in OUTPUTS}
    return {kind: path for kind, path in given.items() if isinstance(path, str)}


SCHEMES = "vmc, livelink, ifacialmocap, vts, openseeface, osc, udp, ws, wss"  # a test holds these to what there is
LEARN = ("neutral", "head", "closed-eyes", "open-mouth")


def add_send_options(parser: argparse.ArgumentParser) -> None:
    """Where values are sent, and how they are shaped first."""
    group = parser.add_argument_group("avatars")
    group.add_argument(
        "--send",
        metavar="URL",
        action="append",
        default=[],
        help=f"to a program, as vmc://127.0.0.1:39539 ({SCHEMES}; - is standard output); can be repeated",
    )
    group.add_argument("--rate", metavar="N", type=float, help="send at most N times a second")
    group.add_argument("--face", metavar="ID|all", type=face_id, help="which face is sent (the lowest id)")
    group.add_argument("--calibration", metavar="F.toml", type=Path, help="how values become the avatar's")
    group.add_argument("--swap-sides", action="store_true", help="left and right change places, as in a mirror")
    group.add_argument("--learn", choices=LEARN, help="from the first two seconds; kept in --calibration")


def add_pace_option(parser: argparse.ArgumentParser) -> None:
    """For what has times of its own, but no clock."""
    parser.add_argument(
        "--pace", metavar="N", type=float, default=1.0, help="send at N times the own speed (1); 0: as fast as can be"
    )


def face_id(text: str) -> int | str:
    """A face's number, or `all`."""
    return "all" if text == "all" else at_least(0)(text)


def send_from(args: argparse.Namespace) -> SendOptions:
    """What the options say of sending."""
    from realtime3d.avatar.options import SendOptions

    if not hasattr(args, "send"):  # a command that sends nothing
        return SendOptions()
    return SendOptions(
        targets=tuple(args.send),
        rate=args.rate,
        face=args.face,
        calibration=_calibration(args),
        swap_sides=args.swap_sides,
        learn=args.learn,
        action_units=getattr(args, "action_units", False),
        emotions=getattr(args, "emotions", False),
        pace=getattr(args, "pace", 1.0),  # live sources have their own
    )


def _calibration(args: argparse.Namespace) -> Path | None:
    """The file of --calibration, else the one beside the person's profile where there is one or is to be one."""
    profile = getattr(args, "profile", None)
    if args.calibration is not None or profile is None or not profile.name or profile.is_dir():  # refused as a profile
        return args.calibration
    beside = profile.with_suffix(".calibration.toml")
    return beside if beside.exists() or args.learn else None


def config_from(args: argparse.Namespace) -> Config:
    """The defaults, then the file of --config, then the options."""
    from realtime3d.config import OPTIONS, Config

    config = Config.read(args.config) if args.config else Config()
    return config.with_options({option: getattr(args, option, None) for option in OPTIONS})


def at_least(low: int) -> Callable[[str], int]:
    """A whole number that is not below `low`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {low}")
        return value

    return number


def size(text: str) -> tuple[int, int]:
    """Width and height as 1280x720."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 1280x720")
    return int(width), int(height)
