"""Words for people: what summaries and messages share."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 film", "2 films", "0 films"; `many` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"
