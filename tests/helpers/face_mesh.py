"""Tests that ask MediaPipe's face mesh skip where its environment is not, and say the line that makes it."""

from __future__ import annotations

import pytest

from realtime3d import guest
from realtime3d.errors import MissingError


def _why_not() -> str:
    try:
        guest.face_mesh_environment()
    except MissingError as error:
        return str(error)
    return ""


needs_face_mesh = pytest.mark.skipif(bool(_why_not()), reason=_why_not())
