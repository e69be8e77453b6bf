"""Builds the API reference from the docstrings: python -m tools.reference [FOLDER]

Needs the [docs] extra and no network. Whatever pdoc warns of is an error, and so is a link that leads nowhere or a page
that would load something from elsewhere.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import io
import re
import sys
import tokenize
import warnings
from html.parser import HTMLParser
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin
from urllib.parse import unquote, urlsplit

from numpy.typing import ArrayLike

PAGES: dict[str, tuple[str, ...]] = {  # module -> what its page shows, in this order; () is all of its `__all__`
    "realtime3d": (
        *("FaceTracker", "FrameResult", "FaceState", "Pose", "FaceCoeffs", "Frame", "FaceBox", "Camera"),
        *("run", "Job", "Summary", "open_source", "Source", "SourceOptions", "read_table", "write_mesh"),
        *("same_person", "Likeness", "FaceModel", "Config", "SendOptions", "Sink"),
        *("create_renderer", "Renderer", "OverlayStyle", "create_backend", "SharedBackend"),
        *("Realtime3dError", "UsageError", "MissingError", "SourceError", "OutputError", "__version__"),
    ),
    "realtime3d.types": ("IdentityState", "Track", "Image", "FloatArray", "Array", "Status"),
    "realtime3d.face.gaze": ("Gaze",),
    "realtime3d.face.mesh": ("Mesh", "HeadMesh"),
    "realtime3d.surface.detail": ("Detail", "DetailMesh"),
    "realtime3d.config": (
        *("ModelSettings", "DetectorSettings", "TrackerSettings", "IdentitySettings", "SmoothSettings"),
        "CameraSettings",
    ),
    "realtime3d.sources.base": ("SourceInfo", "SourceStatus", "Gap", "SourceSpec"),
    "realtime3d.sinks.more": ("MoreColumns",),
    "realtime3d.detect.base": ("Detector",),
    "realtime3d.backends.base": ("Backend", "Net", "NetSpec"),
    "realtime3d.avatar.calibration": ("Calibration", "Rule", "HeadRules", "EyeRules", "LostRules", "SendRules"),
    "realtime3d.avatar.shaping": ("Shaper",),
    "realtime3d.nets.modelset": ("ModelSet", "default_folder"),
    "realtime3d.demo": ("clip_path", "load_truth", "Truth"),
}
_ARRAY = r"numpy\.ndarray\[tuple\[[\w., ]+\], numpy\.dtype\["
SHORTER = (  # in signatures: pdoc would write out what NumPy's names stand for
    (_ARRAY + r"numpy\.(\w+)\]\]", r"NDArray[\1]"),
    (_ARRAY + r"[~+]\w+\]\]", "NDArray"),
    (r"(typing\.)?Union\[numpy\._typing\._array_like\._Buffer.*?\[complex \| bytes \| str\]\]", "ArrayLike"),
)


# -- what a field means -----------------------------------------------------------------------------------------------


def field_texts(cls: type) -> dict[str, str]:
    """What the fields of a class are: the comment behind each, or unit and meaning of a setting."""
    try:
        source = inspect.cleandoc("\n" + inspect.getsource(cls))
    except (OSError, TypeError):
        return {}
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (node,) = (n for n in ast.parse(source).body if isinstance(n, ast.ClassDef))
    found = {
        field.target.id: comments[field.end_lineno]
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.end_lineno in comments
    }
    for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
        if "doc" in field.metadata:
            unit = f" ({field.metadata['unit']})" if field.metadata.get("unit") else ""
            found[field.name] = field.metadata["doc"] + unit
    return found


def read_comments() -> None:
    """Let pdoc take the comments behind fields for their docstrings."""
    from pdoc import doc_ast

    original = doc_ast.walk_tree

    def walk_tree(thing: object) -> doc_ast.AstInfo:
        info = original(thing)  # type: ignore[arg-type]
        if not isinstance(thing, type) or not thing.__module__.startswith("realtime3d"):
            return info
        return dataclasses.replace(info, var_docstrings={**field_texts(thing), **info.var_docstrings})

    doc_ast.walk_tree = walk_tree  # type: ignore[assignment]


def shorten_types() -> None:
    """Let signatures name types as the code does."""
    from pdoc import doc

    original, any_array = inspect.formatannotation, set(get_args(ArrayLike))

    def shorter(annotation: object, *rest: object) -> str:
        if get_origin(annotation) in (Union, UnionType):
            kinds = get_args(annotation)
            names = [shorter(kind, *rest) for kind in kinds if not any_array <= set(kinds) or kind not in any_array]
            names += ["ArrayLike"] * (len(names) < len(kinds))
            return " | ".join(dict.fromkeys(sorted(names, key="None".__eq__)))
        text = "None" if annotation is type(None) else original(annotation, *rest)  # type: ignore[arg-type]
        for pattern, short in SHORTER:
            text = re.sub(pattern, short, text)
        return text

    inspect.formatannotation = shorter  # type: ignore[assignment]
    doc.formatannotation = shorter  # type: ignore[assignment]


# -- building ---------------------------------------------------------------------------------------------------------


def build(folder: Path) -> None:
    """Write the pages."""
    import pdoc

    read_comments()
    shorten_types()
    for name, shown in PAGES.items():
        module = importlib.import_module(name)
        if shown:
            module.__all__ = list(shown)  # type: ignore[attr-defined]
    pdoc.render.configure(
        docformat="google", show_source=False, footer_text=f"realtime3d {sys.modules['realtime3d'].__version__}"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(*PAGES, output_directory=folder)


# -- checking ---------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page links to, loads, and can be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.loads += [values[n] for n in ("src", "href") if n in values and (n == "src" or tag == "link")]


def broken(folder: Path) -> list[str]:
    """Links of the pages in a folder that lead nowhere, and what they would load from elsewhere."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        found += [f"{file.name} loads {url}" for url in page.loads if urlsplit(url).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.exists():
                found.append(f"{file.name} links to {link}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{file.name} links to {link}: {target.name} has no such place")
    return found


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "reference").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    build(folder)
    problems = broken(folder)
    if problems:
        raise SystemExit("\n".join(problems))
    print(f"wrote {folder / 'realtime3d.html'}")


if __name__ == "__main__":
    main()
