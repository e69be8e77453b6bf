"""Where things of this checkout lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FACE_MODEL = ROOT / "models" / "face_model.npz"
