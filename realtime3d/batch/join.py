"""The parts of a long film put together: its table, its sidecar, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from realtime3d.sinks.joined import Part, Seam, join_tables
from realtime3d.sinks.sidecar import read_sidecar


def join(folders: Sequence[Path], notes: Sequence[dict[str, Any]], rows: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the table of a film into the folder `rows`, from its parts' folders; its notes, and its sidecar."""
    sidecars = [_sidecar(folder) for folder in folders]
    parts = [
        Part(next(folder.glob("*.parquet")), part["start_s"], frozenset(map(int, sidecar["identities"])))
        for folder, part, sidecar in zip(folders, notes, sidecars, strict=True)
    ]
    seams = join_tables(parts, rows)
    sidecar = dict(sidecars[0])
    sidecar["frames"] = {**sidecars[0]["frames"], "last": sidecars[-1]["frames"]["last"]}
    sidecar["frames"]["read"] = sum(part["frames"] for part in notes)
    sidecar["identities"] = _identities(sidecars, seams)
    sidecar["outputs"] = {"parquet": f"table/{rows.name}/part-*.parquet"}
    sidecar["ended"] = sidecars[-1].get("ended")
    sidecar["part"] = {**sidecars[0]["part"], "end_s": sidecars[-1]["part"]["end_s"]}
    sidecar["bytes"] = {"parquet": sum(file.stat().st_size for file in rows.iterdir())}
    sidecar["chunks"] = [
        {
            "start_s": seam.start_s,
            "ids": {str(now): then for now, then in seam.names.items()},
            "agreeing": seam.agreeing,
        }
        for seam in seams
    ]
    return _notes(notes, seams), sidecar


def _sidecar(folder: Path) -> dict[str, Any]:
    return read_sidecar(next(folder.glob("*.json"))) or {"identities": {}, "frames": {}, "part": {}}


def _identities(sidecars: Sequence[dict[str, Any]], seams: Sequence[Seam]) -> dict[str, Any]:
    """When the shapes that are in the table were frozen."""
    found: dict[str, Any] = {}
    for sidecar, seam in zip(sidecars, seams, strict=True):
        for now, note in sidecar["identities"].items():
            if int(now) in seam.names:
                found.setdefault(str(seam.names[int(now)]), note)
    return found


def _notes(notes: Sequence[dict[str, Any]], seams: Sequence[Seam]) -> dict[str, Any]:
    """The parts' notes added up."""
    total: dict[str, Any] = {
        **{name: sum(part[name] for part in notes) for name in ("frames", "rows", "with_face")},
        "confidence": [sum(column) for column in zip(*(part["confidence"] for part in notes), strict=True)],
        "duration_s": notes[0]["duration_s"],
        "parts": len(notes),
        "faces": {},
    }
    warnings = [text for part in notes for text in part.get("warnings", ())]
    if warnings:
        total["warnings"] = list(dict.fromkeys(warnings))
    for part, seam in zip(notes, seams, strict=True):
        for now, face in part["faces"].items():
            name = str(seam.names.get(int(now), -1))
            total["faces"][name] = _more(total["faces"].get(name), face)
    return total


def _more(before: dict[str, Any] | None, face: dict[str, Any]) -> dict[str, Any]:
    """A face that goes on. Its shape is the one that was frozen first, else the newest."""
    if before is None:
        return face
    frames = before["frames"] + face["frames"]
    known = before if before["frozen"] else face
    return {
        **known,
        "frames": frames,
        "first_s": before["first_s"],
        "last_s": face["last_s"],
        "confidence": round(
            (before["confidence"] * before["frames"] + face["confidence"] * face["frames"]) / max(frames, 1), 4
        ),
    }
