"""Which files a run writes, and what is refused before it begins: nothing of the user's is destroyed unasked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from realtime3d.errors import OutputError, UsageError
from realtime3d.files import Inputs, check_folder, check_output, leftovers, others, output_error
from realtime3d.sinks.choose import OUTPUTS, by_sidecar, lock_of, sidecar_of


@dataclass(frozen=True, slots=True)
class Files:
    """Every file of one run."""

    outputs: Mapping[str, Path]  # by kind
    kept: Mapping[str, Path] = field(default_factory=dict)  # by option: what is learned, replaced when the run ends
    read: tuple[Path, ...] = ()  # calibration, boxes, settings ...
    source: str = ""  # for messages
    replaces: bool = field(default=False, kw_only=True)  # files that are there: told to overwrite, or to go on

    def results(self) -> list[Path]:
        """What is there after the run: outputs, then the sidecars that explain them."""
        return [*self.outputs.values(), *by_sidecar(self.outputs)]

    def written(self) -> Iterator[tuple[str, Path]]:
        """(option, file) for everything that a run ever writes, also for a moment only."""
        for sidecar, explained in by_sidecar(self.outputs).items():
            option = f"--{next(iter(explained))}"
            for kind, path in explained.items():
                yield from ((f"--{kind}", file) for file in (path, *leftovers(path)))
            yield option, sidecar
            yield option, lock_of(sidecar)
        yield from self.kept.items()


def check_files(runs: Iterable[Files], inputs: Iterable[Path]) -> None:
    """Refuse runs that would write a file twice, one that is read, or one that is there already."""
    runs = list(runs)
    for run in runs:
        for kind, path in run.outputs.items():
            OUTPUTS[kind].check_name(kind, path)
    _check_distinct(runs)
    read = Inputs([*inputs, *(file for run in runs for file in run.read)])
    for run in runs:
        for kind, path in run.outputs.items():
            if not run.replaces:
                _refuse_what_is_there(kind, path)
            (check_folder if OUTPUTS[kind].folder else check_output)(path, run.replaces, read)
        for path in by_sidecar(run.outputs):
            check_output(path, run.replaces, read)
        for path in run.kept.values():
            check_output(path, True, read)


def _refuse_what_is_there(kind: str, path: Path) -> None:
    """What a killed run left is worth another word than any file that is there; and the files of other faces count."""
    from realtime3d.sinks.sidecar import read_sidecar

    other = next(others(path), None) if OUTPUTS[kind].per_face else None
    if other is not None:
        raise OutputError(f"{other} is there already: add --overwrite to replace it, or name another file")
    if os.path.exists(path) and (read_sidecar(sidecar_of(kind, path)) or {}).get("state") == "running":
        raise OutputError(
            f"{path} is there already, of a run that was not finished: add --resume to go on with it (a camera or a "
            "stream cannot), or --overwrite to start anew"
        )


def _check_distinct(runs: Iterable[Files]) -> None:
    """The outputs of one name share their sidecar, and all runs what they learn; nothing else is shared."""
    taken: dict[Path, str] = {}
    kept: set[tuple[str, Path]] = set()
    for run in runs:
        for option, path in run.written():
            try:
                place = path.resolve()
            except (OSError, ValueError, RuntimeError) as error:  # a name too long, a NUL character, a circle of links
                raise output_error(path, error) from error
            if (option, place) in kept:
                continue
            if place in taken:
                raise UsageError(f"{option} would write {path}, which is {taken[place]} as well: name another")
            taken[place] = f"written for {option}" + (f" of {run.source}" if run.source else "")
            if option in run.kept:
                kept.add((option, place))


def refuse_sidecars_of_others(outputs: Mapping[str, Path]) -> None:
    """What a run continues must say whose it is: an output that its sidecar does not know is none of this run's."""
    from realtime3d.sinks.sidecar import read_sidecar

    for sidecar, explained in by_sidecar(outputs).items():
        old = read_sidecar(sidecar)
        known = [] if old is None else list(old.get("outputs", {}).values())
        for path in explained.values():
            there = next((file for file in (path, *leftovers(path)) if file.exists()), None)
            if there is not None and path.name not in known:
                why = "is missing or damaged" if old is None else "does not know it"
                raise OutputError(f"{there} cannot be continued, {sidecar} {why}: add --overwrite to start anew")
