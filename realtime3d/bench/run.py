"""Runs scenarios and collects their results into one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from realtime3d.backends.choose import open_nets
from realtime3d.bench import measure, report
from realtime3d.bench.machine import commit, machine, software
from realtime3d.bench.peers.spec import Peer
from realtime3d.bench.scenarios import QUICK, SCENARIOS, Bench, scenario
from realtime3d.config import Config
from realtime3d.errors import MissingError, UsageError
from realtime3d.nets import modelset

EFFORTS = {"quick": measure.QUICK, "full": measure.FULL}


def run(
    wanted: Sequence[str] | None,
    config: Config,
    effort: str = "full",
    clip: Path | None = None,
    peers: tuple[Peer, ...] = (),
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run the scenarios in the report's order; a part that is not there is said in its place and the rest goes on.

    `wanted` None: those that belong to the effort, and the quick ones begin only while there is time. `peers` that are
    named are compared with in any case.
    """
    names = [*(wanted or (QUICK if effort == "quick" else [name for name in SCENARIOS if name != "peers"]))]
    names += ["peers"] if peers else []
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise UsageError(f"no scenario {unknown[0]!r}: choose from {', '.join(SCENARIOS)}")
    start = time.perf_counter()
    found: dict[str, Any] = {**_header(config, effort, clip), "scenarios": {}, "missing": {}, "interrupted": False}
    bench = Bench(config, EFFORTS[effort], clip, peers)
    for name in [name for name in SCENARIOS if name in names]:
        function = scenario(name)
        what = (function.__doc__ or "").strip()
        say(f"{name}: {what.splitlines()[0]}")
        begun = time.perf_counter()
        if not wanted and begun - start > bench.effort.last_start_s:
            found["missing"][name] = "no time left for it: ask for it with --scenario"
            say(f"{name}: {found['missing'][name]}")
            continue
        try:
            result = function(bench)
        except KeyboardInterrupt:
            found["interrupted"] = True
            say(f"{name}: interrupted, what was measured before it is kept")
            break
        except MissingError as error:
            found["missing"][name] = str(error)
            say(f"{name}: not measured: {error}")
            continue
        found["scenarios"][name] = report.plain(what, result, time.perf_counter() - begun)
        for note in result.notes:
            say(f"{name}: {note}")
    found["seconds"] = round(time.perf_counter() - start, 1)
    return found


def _header(config: Config, effort: str, clip: Path | None) -> dict[str, Any]:
    models = modelset.find(config.models.set)
    models.check()
    backend, nets = open_nets(models.nets, config.models.backend, config.models.device, config.models.threads)
    for net in nets.values():
        net.close()
    return {
        "format": report.FORMAT,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "effort": effort,
        "clip": clip.name if clip else "bundled",
        "machine": machine(),
        "software": software(),
        "commit": commit(),
        "models": {
            "name": models.name,
            "status": models.status,
            "files": {part: file.sha256 for part, file in models.files.items()},
        },
        "backend": {"name": backend.name, "device": backend.device, "threads": config.models.threads},
        "settings": config.as_dict(),
    }
