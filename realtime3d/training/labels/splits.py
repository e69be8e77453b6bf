"""Which pictures are kept out of training, by rules that can be read."""

from __future__ import annotations

import re

HELD_OUT_LONDON = 12


def london_person(file: str) -> int | None:
    """Number of the person in a picture of the Face Research Lab London Set named london_NNN_EE.jpg, else None."""
    match = re.match(r"london_(\d+)_", file)
    return int(match.group(1)) if match else None


def person(file: str) -> str:
    """Who a picture shows, as far as its name tells: pictures with the same answer share one identity."""
    number = london_person(file)
    if number is not None:
        return f"london_{number}"
    return "lisa" if file.startswith("lisa_") else file


def held_out_people(files: list[str] | tuple[str, ...]) -> frozenset[int]:
    """The 12 London people never trained on: every fourth of them in the order of their numbers, the first twelve."""
    people = sorted({number for file in files if (number := london_person(file)) is not None})
    return frozenset(people[::4][:HELD_OUT_LONDON])


def is_held_out(file: str, people: frozenset[int]) -> bool:
    return london_person(file) in people
