"""Coverage-guided fuzzing of everything that parses: python -m tests.fuzz [NAME ...] [--seconds 600 | --inputs N]

Needs atheris (Linux): pip install atheris. Each target runs in a process of its own; what it finds is written to
`tests/fuzz/findings/NAME`. `--keep` adds inputs that reached new code to the corpus, the ten smallest only.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
LIMIT_MB, LIMIT_S = 2048, 20  # of one input: more is a finding. Seconds of the processor: a busy machine finds nothing
STUCK_S = 600  # by the clock
KEPT, SMALL = 10, 600  # inputs of each target that are kept beside the seeds, and their bytes at most


def child(name: str, arguments: list[str]) -> None:
    """One target, with atheris watching which code it reaches."""
    import atheris

    import realtime3d.raster  # noqa: F401 - compiled for the processor, which code that is watched cannot be

    with atheris.instrument_imports(include=["realtime3d", "tomllib"], enable_loader_override=False):
        from tests.fuzz.scratch import remove_scratch
        from tests.fuzz.targets import TARGETS

        import_all()
    target = TARGETS[name]
    signal.signal(signal.SIGPROF, _too_slow)

    def limited(data: bytes) -> None:
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        target(data)
        signal.setitimer(signal.ITIMER_PROF, 0)

    def changed(data: bytes, longest: int, seed: int) -> bytes:
        return target.changed(data, Random(seed), lambda data, _: atheris.Mutate(data, longest))[:longest]

    try:
        atheris.Setup([sys.argv[0], *arguments], limited, custom_mutator=changed)
        atheris.Fuzz()
    finally:
        remove_scratch()


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"an input took more than {LIMIT_S} s of the processor")


def import_all() -> None:
    """What the targets import when they run, so that it is watched."""
    import tomllib  # noqa: F401

    import realtime3d.avatar.calibration
    import realtime3d.avatar.vts
    import realtime3d.batch.inputs
    import realtime3d.batch.manifest
    import realtime3d.demo.plot
    import realtime3d.detect.fixed
    import realtime3d.face.expressions
    import realtime3d.importers.caffe
    import realtime3d.importers.matlab
    import realtime3d.importers.pickles
    import realtime3d.importers.tensorflow_
    import realtime3d.nets.modelset
    import realtime3d.pictures.run
    import realtime3d.sinks.known
    import realtime3d.sinks.read_back
    import realtime3d.sinks.read_pictures
    import realtime3d.sinks.resume
    import realtime3d.sources.intrinsics
    import realtime3d.sources.lists
    import realtime3d.sources.pushed
    import realtime3d.surface.film_file
    import realtime3d.tracking.profile
    import realtime3d.view.glb_file
    import realtime3d.view.surfaces
    import realtime3d.view.web.album
    import realtime3d.view.web.guard
    import realtime3d.view.web.messages  # noqa: F401


def run(name: str, limit: str, keep: bool) -> bool:
    """Whether a target stood."""
    from tests.fuzz.targets import TARGETS

    corpus, findings = HERE / "corpus" / name, HERE / "findings" / name
    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as found:
        folders = [str(corpus), found] if not keep else [str(corpus)]
        command = [sys.executable, "-m", "tests.fuzz", "--child", name, *folders[::-1],
                   *limit.split(), f"-max_len={TARGETS[name].longest}", f"-rss_limit_mb={LIMIT_MB}",
                   f"-timeout={STUCK_S}", f"-artifact_prefix={findings}/", "-print_final_stats=1"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=HERE.parents[1])
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)
    cover = re.findall(r"cov: (\d+) ft: (\d+)", done.stderr)
    print(f"{name}: {runs[-1] if runs else '?'} inputs, {cover[-1][0] if cover else '?'} edges, "
          f"{'stands' if done.returncode == 0 else 'FOUND SOMETHING'}", flush=True)  # fmt: skip
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-1000:])
    if keep:
        small = sorted((file for file in corpus.iterdir() if not file.name.startswith("seed")), key=_size)
        for file in small[KEPT:] + [file for file in small[:KEPT] if _size(file) > SMALL]:
            file.unlink()
    return done.returncode == 0


def _size(file: Path) -> int:
    return file.stat().st_size


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=600, help="for each target (600)")
    parser.add_argument("--inputs", type=int, help="for each target, the same ones every time, instead of --seconds")
    parser.add_argument("--jobs", type=int, default=1, help="targets at once (1)")
    parser.add_argument("--keep", action="store_true", help="add what reached new code to the corpus")
    args = parser.parse_args()
    limit = f"-runs={args.inputs} -seed=1" if args.inputs else f"-max_total_time={args.seconds}"
    with ThreadPoolExecutor(args.jobs) as several:
        stands = list(several.map(lambda name: run(name, limit, args.keep), args.names or TARGETS))
    sys.exit(0 if all(stands) else 1)


if __name__ == "__main__":
    main()
