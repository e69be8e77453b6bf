"""The files of one face's detail, by our names and by those of the two systems that came before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.face.state import FaceState
from realtime3d.files import write_whole
from realtime3d.pictures.detail_sheet import detail_sheet
from realtime3d.sinks.meshes import Kind, MeshWriter, Relief, encoded
from realtime3d.sinks.ply import ply_bytes
from realtime3d.sinks.png import displacement_facts, displacement_png, normal_png, png_bytes
from realtime3d.surface.detail import VARIANTS, Detail, Variant
from realtime3d.surface.light import TERMS
from realtime3d.types import Image


def write_maps(folder: Path, name: str, detail: Detail, image: Image) -> Relief:
    """The maps of one face and a sheet that shows them; gives what the materials of meshes need."""
    maps = {
        "displacement": displacement_png(detail.displacement_mm),
        "normal": normal_png(detail.normals),
        "albedo": png_bytes(detail.albedo),
        "texture": png_bytes(detail.texture),
        "seen": png_bytes(detail.seen),
    }
    for kind, data in maps.items():
        write_whole(folder / f"{name}_{kind}.png", data, make_folder=True)
    write_whole(folder / f"{name}_sheet.jpg", encoded(detail_sheet(detail, image), ".jpg"))
    return Relief(
        detail.albedo, maps["normal"], f"{name}_texture.png", f"{name}_normal.png", f"{name}_displacement.png"
    )


def write_meshes(folder: Path, name: str, detail: Detail, variants: tuple[Variant, ...] = VARIANTS) -> None:
    """PLY files, each upright and as the camera saw it."""
    for variant in variants:
        for pose in ("frontal", "aligned"):
            mesh = detail.mesh(variant, aligned=pose == "aligned")
            data = ply_bytes(mesh.vertices, mesh.triangles, None, [_comment(variant, pose)], mesh.normals)
            write_whole(folder / f"{name}_{variant}_{pose}.ply", data, make_folder=True)


def write_foundation(folder: Path, name: str, face: FaceState, meshes: MeshWriter) -> None:
    """What is known of a face that is too small for detail."""
    level = meshes.level(".ply")
    triangles = face.model.solid(level).triangles
    kinds: dict[str, Kind] = {"frontal": "expression", "aligned": "posed"}
    for pose, kind in kinds.items():
        points = meshes.vertices(face, kind, level)
        data = ply_bytes(points, triangles, None, [_comment("foundation", pose)])
        write_whole(folder / f"{name}_foundation_{pose}.ply", data, make_folder=True)


def write_facial_details(folder: Path, detail: Detail, meshes: MeshWriter) -> None:
    """The names of Facial Details Synthesis: a proxy with texture, and the maps that go on it."""
    normal = normal_png(detail.normals)
    relief = Relief(detail.albedo, normal, "result.isomap.png", "result.normalmap.png", "result.displacementmap.png")
    files = {
        relief.texture_file: png_bytes(detail.texture),
        relief.normal_file: normal,
        relief.displacement_file: displacement_png(detail.displacement_mm),
    }
    for name, data in files.items():
        write_whole(folder / name, data, make_folder=True)
    meshes.write(folder / "result.obj", detail.face, "expression", None, relief)


def detail_facts(detail: Detail) -> dict[str, Any]:
    """What the files of a face's detail mean."""
    layout = detail.layout
    front = detail.seen[layout.window][layout.inside]
    return {
        "displacement": displacement_facts(),
        "normal": "tangent space, 8 bit, +X right, +Y up, +Z outward; tangents as in the GLB",
        "albedo": "sRGB without the picture's light, on the front of the face; relative: it has the picture's exposure",
        "texture": "sRGB with the picture's light",
        "seen": "0: guessed, 255: the picture shows it; the share is that of the face's front",
        "seen_share": round(float(front.mean()) / 255, 4) if front.size else 0.0,
        "light": {
            "terms": list(TERMS),
            "coefficients": [round(float(c), 5) for c in detail.light.coefficients],
            "normals": "unit, in the camera's frame: x right, y down, z away",
        },
        "colour": detail.colour,
        "mm_per_pixel": round(detail.mm_per_px, 4),
        "mm_per_texel": round(layout.texel_mm, 4),
        "rms_mm": round(float(np.sqrt(np.square(detail.seen_mm[layout.front]).mean())), 5) if front.size else 0.0,
        "meshes": "foundation and sparseFull have the model's vertices; withBump and final have finer ones, the same "
        "for every face; withBump lacks the triangles that the picture does not show",
        "vertices": {"foundation": len(layout.head.mean), "final": len(detail.topology.uv)},
        "measured": "detail is solved for from the picture's shading where `seen` is high; where it is low, it is the "
        "mirror image of the other side, or nothing",
    }  # fmt: skip


def _comment(variant: str, pose: str) -> str:
    frame = "camera" if pose == "aligned" else "head"
    return f"realtime3d: {variant}, mm, x right, y up, z towards the viewer, in the {frame}'s frame"
