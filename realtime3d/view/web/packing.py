"""A binary message: a JSON header, and its parts behind it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

MAGIC = b"R3D1"
ALIGN = 4  # bytes; where parts begin
STEP_MM = 0.01  # of vertices in 16 bits: +-327 mm about the head's origin


def pack(header: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """Magic, length of the header, the header with `parts: {name: [offset, length]}`, and the parts."""
    places, offset = {}, 0
    for name, data in parts.items():
        places[name] = [offset, len(data)]
        offset += -(-len(data) // ALIGN) * ALIGN
    text = json.dumps({**header, "parts": places}, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(8 + len(text)) % ALIGN)
    chunks = [MAGIC, struct.pack("<I", len(text)), text]
    for data in parts.values():
        chunks += [data, b"\0" * (-len(data) % ALIGN)]
    return b"".join(chunks)


def quantised(vertices: Any) -> bytes:
    """(V, 3) mm as 16-bit steps."""
    return np.clip(np.round(np.asarray(vertices) / STEP_MM), -32767, 32767).astype("<i2").tobytes()
