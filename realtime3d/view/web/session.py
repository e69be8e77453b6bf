"""The run behind the page: one thread follows what somebody asks for, with the tracker's own pipeline.

Wishes arrive from the sockets through a queue and are obeyed between two frames.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from realtime3d.clock import now_ns, to_s
from realtime3d.errors import OutputError, Realtime3dError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.jobs import Job, Run, open_run
from realtime3d.sources.base import Gap
from realtime3d.tracker import FaceTracker
from realtime3d.view.controls import Controls
from realtime3d.view.latency import Latency
from realtime3d.view.web.messages import FrameMessage, Wish, mesh_message
from realtime3d.view.web.show import PageSink
from realtime3d.view.web.sources import Sources
from realtime3d.view.web.state import State, state_message
from realtime3d.view.web.viewers import Viewers

_log = logging.getLogger(__name__)
MAX_WISHES = 200  # that may wait; more are refused
STATE_S = 0.5  # between two states that nothing but numbers changed in
PAUSE_S = 0.05
JOIN_S = 5.0


class Session:
    """Owns tracker and run. `ask` may be called from any thread; all else happens in the session's own."""

    def __init__(self, job: Job, viewers: Viewers, sources: Sources, folder: Path) -> None:
        """`job` has the settings; recordings go into `folder`."""
        self._job, self._viewers, self.sources, self._folder = job, viewers, sources, folder
        self._wishes: queue.Queue[Wish | None] = queue.Queue(MAX_WISHES)
        self._thread = threading.Thread(target=self._work, name="realtime3d-session", daemon=True)
        self._state = State()
        self._told_ns = self._arrived_ns = 0
        self._next: tuple[str, str] | None = None
        self._ending = threading.Event()
        self._tracker: FaceTracker | None = None
        self._controls: Controls | None = None
        self._latency = Latency("frame to page")
        self._dropped = self._frames = 0
        self._mesh_of: FaceModel | None = None
        self._mode: str | None = None
        self._sent: Callable[[], list[str]] = list  # lines about what is sent to other programs
        self.saved: list[Path] = []  # what was recorded, in order

    # -- from other threads -------------------------------------------------------------------------------------------

    def start(self, kind: str, name: str = "") -> None:
        """Begin with a source."""
        self._next = (kind, name)
        self._thread.start()

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def ask(self, wish: Wish) -> None:
        """Obeyed between two frames; `UsageError` where too many wait already."""
        try:
            self._wishes.put_nowait(wish)
        except queue.Full:
            raise UsageError("too many wishes at once: wait for the answers") from None

    def ask_quietly(self, wish: Wish) -> None:
        """The same, for what nobody waits for."""
        with contextlib.suppress(UsageError):
            self.ask(wish)

    def push(self, jpeg: bytes) -> bool:
        """A picture of the browser's camera; False, and ignored, unless that is what runs."""
        source = self.sources.pushed
        if source is not None:
            source.push(jpeg)
        return source is not None

    def head(self) -> bytes | None:
        """The face model's mean head as GLB; None before a run has loaded it."""
        from realtime3d.sinks.glb import Head, glb_bytes

        model = self._mesh_of
        return None if model is None else glb_bytes(Head(model, model.mean, [0.0] * len(model.arkit_names)))

    def close(self) -> None:
        """End the run, finish recordings, free the tracker."""
        self._ending.set()
        self.sources.stop()
        if self.started:
            self._thread.join(JOIN_S)
            if self._thread.is_alive():
                _log.warning("the run did not end within %g s: it hangs in a driver or in the network", JOIN_S)
        self.sources.close()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._tell(run="opening", source={"kind": self._next[0], "name": ""} if self._next else {})
            with self._job.tracker() as tracker:
                self._tracker = tracker
                while not self._ending.is_set():
                    self._once(tracker)
        except Realtime3dError as error:  # the tracker cannot be opened: nothing will ever run
            self._fail(error)
        except Exception as error:
            _log.exception("the session ends")
            self._fail(error)

    def _once(self, tracker: FaceTracker) -> None:
        """One source to its end, or one wish while nothing runs."""
        try:
            if self._next is None:
                self._obey(self._take(PAUSE_S))
                return
            wanted, self._next = self._next, None
            self._follow(tracker, *wanted)
        except Realtime3dError as error:
            self._fail(error)
        except Exception as error:  # a bug ends this run and no other
            _log.exception("a run ends")
            self._fail(error)

    def _follow(self, tracker: FaceTracker, kind: str, name: str) -> None:
        self._tell(run="opening", source={"kind": kind, "name": name}, error="", said="")
        source = self.sources.open(kind, name)
        try:
            with open_run(replace(self._job, source=source, config=tracker.config), tracker) as run:
                self._run(run, kind)
        finally:
            source.close()
        if not self._ending.is_set():
            self._tell(run="ended", said=f"{run.info.name} has ended")

    def _run(self, run: Run, kind: str) -> None:
        info = run.info
        self._controls = Controls(
            run.tracker, run.renderer, info, self._folder, lambda files: _tables(run, files), run.sending
        )
        self._sent = run.sending.lines
        if self._mode:
            self._controls.mode(self._mode)  # type: ignore[arg-type]
        self._latency, self._dropped, self._frames = Latency("frame to page"), 0, 0
        self._tell_mesh(run.tracker.model)
        about = {"kind": kind, "name": info.name, "width": info.width, "height": info.height, "fps": info.fps}
        self._tell(run="running", source={**about, "live": info.live}, said="")
        try:
            run.follow(sinks=[PageSink(self._publish)], until=self._until, observe=self._see)
        finally:
            controls, self._controls = self._controls, None
            controls.end_recording()
            self._keep(controls)

    def _until(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same items, with wishes obeyed between them."""
        for item in items:
            self._obey_all()
            while self._controls and self._controls.paused and not self._over:
                self._obey(self._take(PAUSE_S))
            if self._over:
                return
            if isinstance(item, Gap):
                self._tell(run="running", said=item.status.message)
            self._arrived_ns = now_ns()
            yield item

    @property
    def _over(self) -> bool:
        return self._ending.is_set() or self._next is not None or self._state.run == "ended"

    def _see(self, result: FrameResult) -> None:
        self._frames += 1
        self._dropped += result.dropped
        self._latency.add(self._arrived_ns if not self._state.source.get("live") else result.frame.t_ns)
        controls = self._controls
        if controls is None:
            return
        try:
            controls.see(result)
        except OutputError as error:
            self._give_up_recording(controls, error)
        if to_s(now_ns() - self._told_ns) > STATE_S:
            self._tell(run="running", said="" if self._state.said.startswith("nothing from") else self._state.said)

    def _give_up_recording(self, controls: Controls, error: OutputError) -> None:
        """A full disk ends the recording and not the run."""
        try:
            controls.end_recording()
        except OutputError as again:
            error = again
        self._tell(error=str(error))

    # -- wishes -------------------------------------------------------------------------------------------------------

    def _take(self, wait_s: float) -> Wish | None:
        try:
            return self._wishes.get(timeout=wait_s)
        except queue.Empty:
            return None

    def _obey_all(self) -> None:
        for _ in range(self._wishes.qsize()):
            self._obey(self._take(0.001))

    def _obey(self, wish: Wish | None) -> None:
        if wish is None:
            return
        try:
            getattr(self, f"_on_{wish.do}")(wish.value)
        except Realtime3dError as error:
            self._tell(error=str(error))

    def _on_start(self, value: tuple[str, str]) -> None:
        self._next = value

    def _on_stop(self, value: None) -> None:
        self._tell(run="ended", said="stopped")

    def _on_leave(self, value: None) -> None:
        """The browser whose camera runs has closed its page."""
        if self._state.source.get("kind") == "browser" and self._state.run in ("running", "paused"):
            self._tell(run="ended", said="the browser with the camera went away")

    def _on_pause(self, on: bool) -> None:
        if self._controls and self._controls.paused != on:
            self._controls.pause()
            self._tell(run="paused" if on else "running", said=self._controls.said)

    def _on_use(self, options: Mapping[str, Any]) -> None:
        assert self._tracker is not None  # wishes are obeyed by the thread that has it
        self._tracker.use(self._tracker.config.with_options(options))
        if self._controls:
            self._tell_mesh(self._tracker.model)
        self._tell(said="settings changed", error="")

    def _on_mode(self, mode: str) -> None:
        self._mode = mode
        self._with_controls(lambda controls: controls.mode(mode))  # type: ignore[arg-type]

    def _on_relearn(self, value: None) -> None:
        self._with_controls(Controls.relearn)

    def _on_recentre(self, value: None) -> None:
        self._with_controls(Controls.recentre)

    def _on_neutral(self, value: None) -> None:
        self._with_controls(Controls.neutral)

    def _on_snapshot(self, value: None) -> None:
        self._with_controls(Controls.snapshot)

    def _on_record(self, kinds: tuple[str, ...]) -> None:
        """Two people who press at once begin one recording."""
        if self._controls and self._controls.recording:
            self._tell(said="is recording already")
            return
        self._with_controls(lambda controls: controls.record(kinds))

    def _on_end_record(self, value: None) -> None:
        if self._controls and self._controls.recording:
            self._with_controls(lambda controls: controls.record())

    def _with_controls(self, wish: Callable[[Controls], None]) -> None:
        if self._controls is None:
            self._tell(said="nothing runs: choose a source")
            return
        wish(self._controls)
        self._keep(self._controls)
        self._tell(said=self._controls.said, error="")

    def _keep(self, controls: Controls) -> None:
        self.saved += [path for path in controls.saved if path not in self.saved]
        self._tell()

    # -- what is told -------------------------------------------------------------------------------------------------

    def _publish(self, result: FrameResult, encode: Callable[[Any], bytes]) -> None:
        self._viewers.publish(FrameMessage(result, self.rates(), encode))

    def rates(self) -> dict[str, float]:
        """Frames a second and latency of the run; frames that were dropped."""
        latency = self._latency
        return {
            "fps": round(latency.fps, 2),
            "p50_ms": round(latency.percentile(50), 1),
            "p95_ms": round(latency.percentile(95), 1),
            "dropped": self._dropped,
            "frames": self._frames,
        }

    def _tell_mesh(self, model: FaceModel) -> None:
        if self._mesh_of is not model:
            self._mesh_of = model
            self._viewers.tell(mesh_message(model), keep="mesh")

    def _fail(self, error: BaseException) -> None:
        known = isinstance(error, Realtime3dError)
        text = str(error) if known else f"this is a bug in realtime3d, please report it: {error!r}"
        self._tell(run="failed", error=text)

    def _tell(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self._told_ns = now_ns()
        config = self._tracker.config if self._tracker else self._job.config
        message = state_message(self._state, config, self._tracker, self._controls) | {
            "sent": self._sent() if self._controls else [],
            "saved": [path.name for path in self.saved],
            "viewers": self._viewers.count,
            "rates": self.rates(),
        }
        self._viewers.tell(message, keep="state")


def _tables(run: Run, files: Mapping[str, Path]) -> list[Any]:
    """What writes a recording's tables, as it does those of a run."""
    return run.sinks_of(replace(run.job, outputs=dict(files), blendshapes=True))
