"""The run behind the page: one thread follows what somebody asks for, with the tracker's own pipeline."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from realtime3d.clock import now_ns
from realtime3d.errors import OutputError, Realtime3dError
from realtime3d.face.state import FrameResult
from realtime3d.jobs import Job
from realtime3d.running import Run, open_run
from realtime3d.sources.base import Gap
from realtime3d.tracker import FaceTracker
from realtime3d.view.controls import Controls
from realtime3d.view.web.board import Board
from realtime3d.view.web.show import PageSink
from realtime3d.view.web.sources import Sources
from realtime3d.view.web.viewers import Viewers
from realtime3d.view.web.wishes import Wishes

_log = logging.getLogger(__name__)
PAUSE_S = 0.05
JOIN_S = 5.0


class Session:
    """Owns tracker and run. Wishes and uploads may come from any thread; all else happens in the session's own."""

    def __init__(self, job: Job, viewers: Viewers, sources: Sources, folder: Path) -> None:
        """`job` has the settings; recordings go into `folder`."""
        self._job, self.sources, self._folder = job, sources, folder
        self.board = Board(viewers, job.config)
        self.wishes = Wishes(self.board, job.send.all_targets())
        self._thread = threading.Thread(target=self._work, name="realtime3d-session", daemon=True)
        self._ending = threading.Event()
        self._arrived_ns = 0

    # -- from other threads -------------------------------------------------------------------------------------------

    def start(self, kind: str, name: str = "") -> None:
        """Begin with a source."""
        self.wishes.next = (kind, name)
        self._thread.start()

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def push(self, jpeg: bytes) -> bool:
        """A picture of the browser's camera; False, and ignored, unless that is what runs."""
        source = self.sources.pushed
        if source is not None:
            source.push(jpeg)
        return source is not None

    def head(self, kind: str) -> bytes | None:
        """The face model's mean head as "glb" or "vrm"; None before a run has loaded it."""
        from realtime3d.render.drawn import drawn_texture
        from realtime3d.sinks.glb import glb_bytes
        from realtime3d.sinks.glb_head import Head
        from realtime3d.sinks.meshes import encoded
        from realtime3d.sinks.vrm import vrm_bytes

        model = self.board.model
        if model is None:
            return None
        skin = encoded(drawn_texture(model), ".jpg")
        head = Head(model, model.mean, [0.0] * len(model.arkit_names), texture_jpeg=skin, albedo=True)
        return vrm_bytes(head, of_nobody=True) if kind == "vrm" else glb_bytes(head)

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
            kind = self.wishes.next[0] if self.wishes.next else ""
            self.board.tell(run="opening", source={"kind": kind, "name": ""})
            with self._job.tracker() as tracker:
                self.board.tracker = tracker
                while not self._ending.is_set():
                    self._once(tracker)
        except Realtime3dError as error:  # the tracker cannot be opened: nothing will ever run
            self.board.fail(error)
        except Exception as error:
            _log.exception("the session ends")
            self.board.fail(error)
        finally:
            self.board.hidden.close()

    def _once(self, tracker: FaceTracker) -> None:
        """One source to its end, or one wish while nothing runs."""
        try:
            if self.wishes.next is None:
                self.wishes.obey_one(PAUSE_S)
                return
            wanted, self.wishes.next = self.wishes.next, None
            self._follow(tracker, *wanted)
        except Realtime3dError as error:
            self.board.fail(error)
        except Exception as error:  # a bug ends this run and no other
            _log.exception("a run ends")
            self.board.fail(error)

    def _follow(self, tracker: FaceTracker, kind: str, name: str) -> None:
        self.board.tell(run="opening", source={"kind": kind, "name": name}, error="", said="")
        source = self.sources.open(kind, name)
        try:
            with open_run(replace(self._job, source=source, config=tracker.config), tracker) as run:
                self._run(run, kind, name)
        finally:
            source.close()
        if not self._over:  # it ended by itself; else it is said already who ended it
            self.board.tell(run="ended", said=f"{run.info.name} has ended")

    def _run(self, run: Run, kind: str, name: str) -> None:
        info, board = run.info, self.board
        controls = Controls(
            run.tracker, run.renderer, info, self._folder, lambda files: _tables(run, files), run.sending
        )
        self.wishes.begin(controls, run.sending)
        board.controls = controls
        board.begin()
        board.tell_mesh(run.tracker)
        shown = name if kind == "upload" and name else info.name
        about = {"kind": kind, "name": shown, "width": info.width, "height": info.height, "fps": info.fps}
        board.tell(run="running", runs=board.state.runs + 1, source={**about, "live": info.live}, said="")
        try:
            run.follow(sinks=[PageSink(board.publish)], until=self._until, observe=self._see)
        finally:
            board.controls = None
            controls.end_recording()
            board.keep(controls)

    def _until(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same items, with wishes obeyed between them."""
        board = self.board
        for item in items:
            self.wishes.obey_all()
            while board.controls and board.controls.paused and not self._over:
                self.wishes.obey_one(PAUSE_S)
            if self._over:
                return
            if isinstance(item, Gap):
                board.tell(run="running", said=item.status.message)
            self._arrived_ns = now_ns()
            yield item

    @property
    def _over(self) -> bool:
        return self._ending.is_set() or self.wishes.next is not None or self.board.state.run == "ended"

    def _see(self, result: FrameResult) -> None:
        board = self.board
        board.count(result, result.frame.t_ns if board.state.source.get("live") else self._arrived_ns)
        if board.controls is None:
            return
        try:
            board.controls.see(result)
        except OutputError as error:
            self._give_up_recording(board.controls, error)
        saved = board.controls.saved
        if saved and saved[-1] not in board.saved:  # a recording that waited for the first picture
            board.keep(board.controls)
        board.tell_sometimes()

    def _give_up_recording(self, controls: Controls, error: OutputError) -> None:
        """A full disk ends the recording and not the run."""
        try:
            controls.end_recording()
        except OutputError as again:
            error = again
        self.board.tell(error=str(error))


def _tables(run: Run, files: Mapping[str, Path]) -> list[Any]:
    """What writes a recording's tables, as it does those of a run."""
    return run.sinks_of(replace(run.job, outputs=dict(files), blendshapes=True))
