"""What goes into a cell of the manifest, and what comes out of it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def text_of(notes: Mapping[str, Any]) -> str:
    """Notes as JSON."""
    return json.dumps(notes, ensure_ascii=False, separators=(",", ":"))


def stored(value: Any) -> Any:
    """A text as SQLite takes it: a file's name may hold bytes that are no text, and goes in as bytes then."""
    if not isinstance(value, str) or not any("\ud800" <= letter <= "\udfff" for letter in value):
        return value
    return value.encode("utf-8", "surrogateescape")


def told(value: Any) -> Any:
    """The text that `stored` made bytes of."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
