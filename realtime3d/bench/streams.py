"""How many streams one process follows without losing frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from realtime3d.backends.choose import open_nets
from realtime3d.backends.shared import SharedBackend
from realtime3d.bench import scenes
from realtime3d.bench.machine import usable_cores
from realtime3d.bench.measure import Metric, one
from realtime3d.bench.pipeline import Walk
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.clock import NS_PER_S, now_ns, to_s
from realtime3d.nets import modelset
from realtime3d.sources.latest import Closed, Latest, join
from realtime3d.tracker import FaceTracker
from realtime3d.types import Frame, Image

RATES = (15, 30)
LIMIT = 64  # streams that are tried at most
LOSS = 2.0  # %: a stream that drops fewer of its frames holds
PROBE = 4  # streams on which the first guess is made
PROBE_S = 1.0
SHARE = 0.85  # of the cores that the first guess takes


def streams(bench: Bench) -> Result:
    """Streams of 480p with one face each, side by side in one process: how many lose under 2 % of their frames."""
    group = _Group(bench)
    metrics: dict[str, Metric] = {}
    notes = ["a stream gives frames at its rate, the newest wins; all share one set of nets, answered in batches"]
    try:
        group.grow(min(PROBE, LIMIT))
        trials = {rate: _most(group, rate, bench) for rate in RATES}
    finally:
        group.close()
    for rate, lost in trials.items():
        held = max((count for count, loss in lost.items() if loss < LOSS), default=0)
        metrics[f"streams_at_{rate}_fps"] = one(held, "streams", "higher")
        metrics[f"lost_at_{rate}_fps"] = one(lost.get(held, min(lost.values())), "%")
        notes.append(f"{rate} fps, streams and worst loss: " + ", ".join(f"{n}: {lost[n]:.1f} %" for n in sorted(lost)))
        if held == LIMIT:
            notes.append(f"{LIMIT} streams are the most that is tried")
    return Result({"picture": "640x480", "faces": 1, "seconds": _seconds(bench)}, metrics, notes)


def _seconds(bench: Bench) -> float:
    """Of one trial."""
    return max(0.3, 4 * bench.effort.block_s)


def _most(group: _Group, rate: int, bench: Bench) -> dict[int, float]:
    """Trials around the number that just holds: streams to the worst loss of any of them, in %."""
    lost: dict[int, float] = {}
    low, high = 0, LIMIT + 1  # low holds, high does not
    count = group.guess(rate)
    while high - low > max(1, low // 16):
        group.grow(count)
        lost[count] = group.trial(count, rate, _seconds(bench))
        low, high = (count, high) if lost[count] < LOSS else (low, count)
        count = _between(low, high, lost)
    return lost


def _between(low: int, high: int, lost: dict[int, float]) -> int:
    """What to try next: a quarter more, or as many as were served, until there is a bound on both sides; the middle."""
    if high > LIMIT:
        return min(low + max(1, low // 4), LIMIT)
    if low == 0:
        return max(1, int(high * min(0.75, 1 - lost[high] / 100)))
    return (low + high) // 2


class _Group:
    """Trackers that share their nets, each behind a source of its own; `grow` adds some and lets them settle."""

    def __init__(self, bench: Bench) -> None:
        wanted = bench.config.models
        models = modelset.find(wanted.set)
        backend, nets = open_nets(models.nets, wanted.backend, wanted.device, wanted.threads)
        for net in nets.values():
            net.close()
        self._bench, self._images = bench, bench.frames()
        self._backend = SharedBackend(backend)
        self._members: list[_Member] = []

    def grow(self, count: int) -> None:
        """At least so many, each with its identity frozen as after some seconds of any stream."""
        if count <= len(self._members):
            return
        new = [
            _Member(self._bench.tracker(backend=self._backend), self._images) for _ in range(len(self._members), count)
        ]
        self._members += new
        with ThreadPoolExecutor(len(new)) as pool:
            list(pool.map(lambda member: member.settle(self._bench), new))

    def guess(self, rate: int) -> int:
        """How many the cores could take, from the CPU time of a frame."""
        count = min(PROBE, LIMIT)
        cpu = time.process_time()
        self.trial(count, rate, PROBE_S)
        stream = max(time.process_time() - cpu, 1e-3) / PROBE_S / count
        return min(max(1, int(SHARE * usable_cores() / stream)), LIMIT)

    def trial(self, count: int, rate: int, seconds: float) -> float:
        """The worst loss among so many streams, in %."""
        members, frames = self._members[:count], max(3, round(seconds * rate))
        errors: list[BaseException] = []
        threads = [threading.Thread(target=_guarded, args=(member.follow, errors), daemon=True) for member in members]
        for member in members:
            member.box = Latest()
        for thread in threads:
            thread.start()
        _guarded(lambda: _deliver(members, frames, rate), errors)
        for member in members:
            member.box.close()
        for thread in threads:
            join(thread, 10.0)
        if errors:
            raise errors[0]
        return max(100 * member.box.dropped / frames for member in members)

    def close(self) -> None:
        for member in self._members:
            member.tracker.close()


class _Member:
    """One stream: a source that somebody paces, a mailbox, a tracker."""

    def __init__(self, tracker: FaceTracker, images: tuple[Image, ...]) -> None:
        self.tracker = tracker
        self.box: Latest[Frame] = Latest()
        self._images = images
        self._frames = scenes.Endless(images)

    def settle(self, bench: Bench) -> None:
        """Go on where the settled tracker is: a jump of the face or of time would be another stream."""
        walk = Walk(self.tracker, self._images)
        walk.settle(bench.effort)
        self._frames = scenes.Endless(self._images, walk.step().frame.index + 1)

    def picture(self, rate: int) -> Frame:
        """The next frame of a camera of this rate, in new memory as a camera's is."""
        for _ in range(scenes.FPS // rate):
            frame = self._frames.next()
        return replace(frame, image=frame.image.copy())

    def follow(self) -> None:
        """Until the source has ended."""
        try:
            while True:
                frame = self.box.get(5.0)
                if frame is not None:
                    self.tracker.process_frame(frame)
        except Closed:
            return


def _deliver(members: list[_Member], frames: int, rate: int) -> None:
    """Every source's frames on the clock; sources are not in step with each other."""
    start, gap = now_ns(), NS_PER_S / rate
    for i in range(frames):
        for k, member in enumerate(members):
            due = start + (i + k / len(members)) * gap
            time.sleep(max(0.0, to_s(due - now_ns())))
            member.box.put(member.picture(rate))
    time.sleep(gap / NS_PER_S)  # the last ones have as much time as the others


def _guarded(work: Callable[[], None], errors: list[BaseException]) -> None:
    try:
        work()
    except BaseException as error:  # it is raised by `trial`
        errors.append(error)
