"""What pages ask for: wishes wait in a queue, and the session's thread obeys them between two frames."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from realtime3d.avatar.options import Sending
from realtime3d.errors import Realtime3dError, UsageError
from realtime3d.tracker import FaceTracker
from realtime3d.types import FloatArray
from realtime3d.view.controls import Controls
from realtime3d.view.web.board import Board
from realtime3d.view.web.messages import MAX_TARGETS, Wish

MAX_WISHES = 200  # that may wait; more are refused


class Wishes:
    """One method for each `do` of a page's message. `ask` may be called from any thread, all else in the session's."""

    def __init__(self, board: Board, urls: Iterable[str] = ()) -> None:
        """`urls` are the targets that the server was started with."""
        self._board = board
        self._queue: queue.Queue[Wish] = queue.Queue(MAX_WISHES)
        self.next: tuple[str, str] | None = None  # the source that somebody chose: kind and name
        self._mode: str | None = None
        self._urls = list(urls)  # that get values, also those of the runs to come

    def ask(self, wish: Wish) -> None:
        """Obeyed between two frames; `UsageError` where too many wait already."""
        try:
            self._queue.put_nowait(wish)
        except queue.Full:
            raise UsageError("too many wishes at once: wait for the answers") from None

    def ask_quietly(self, wish: Wish) -> None:
        """The same, for what nobody waits for."""
        with contextlib.suppress(UsageError):
            self.ask(wish)

    def obey_one(self, wait_s: float) -> None:
        """The next wish, if one comes in time."""
        try:
            wish = self._queue.get(wait_s > 0, wait_s)
        except queue.Empty:
            return
        self._obey(wish)

    def obey_all(self) -> None:
        """All that wait; what comes after the choice of a source is for the run that begins with it."""
        for _ in range(self._queue.qsize()):
            if self.next is None:
                self.obey_one(0)

    def begin(self, controls: Controls, sending: Sending) -> None:
        """A run begins: what was chosen before holds for it, too."""
        self._board.sending, self._board.targets = sending, sending.choose(self._urls)
        if self._mode:
            controls.mode(self._mode)  # type: ignore[arg-type]

    def _obey(self, wish: Wish) -> None:
        try:
            getattr(self, f"_on_{wish.do}")(wish.value)
        except Realtime3dError as error:
            self._board.tell(error=str(error))

    # -- the source ---------------------------------------------------------------------------------------------------

    def _on_start(self, value: tuple[str, str]) -> None:
        self.next = value

    def _on_stop(self, value: None) -> None:
        self._board.tell(run="ended", said="stopped")

    def _on_leave(self, value: None) -> None:
        """The browser whose camera runs has closed its page."""
        state = self._board.state
        if state.source.get("kind") == "browser" and state.run in ("running", "paused"):
            self._board.tell(run="ended", said="the browser with the camera went away")

    def _on_pause(self, on: bool) -> None:
        controls = self._board.controls
        if controls and controls.paused != on:
            controls.pause()
            self._board.tell(run="paused" if on else "running", said=controls.said)

    # -- settings -----------------------------------------------------------------------------------------------------

    def _on_use(self, options: Mapping[str, Any]) -> None:
        tracker = self._tracker
        tracker.use(tracker.config.with_options(options))
        if self._board.controls:
            self._board.tell_mesh(tracker)
        self._board.tell(said="settings changed", error="")

    def _on_mode(self, mode: str) -> None:
        self._mode = mode
        self._with_controls(lambda controls: controls.mode(mode))  # type: ignore[arg-type]

    # -- faces and files ----------------------------------------------------------------------------------------------

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
        controls = self._board.controls
        if controls and controls.recording:
            self._board.tell(said="is recording already")
            return
        self._with_controls(lambda controls: controls.record(kinds))

    def _on_end_record(self, value: None) -> None:
        controls = self._board.controls
        if controls and controls.recording:
            self._with_controls(lambda controls: controls.record())

    def _on_box(self, box: FloatArray) -> None:
        controls = self._board.controls
        found = controls.look_at(box) if controls else None
        if found:
            self._board.publish_still(found)
            self._board.tell(run="paused")
        self._with_controls(lambda controls: None)

    # -- other programs -----------------------------------------------------------------------------------------------

    def _on_send(self, url: str) -> None:
        if url in self._urls:
            self._board.tell(said="is sent there already")
            return
        if len(self._urls) >= MAX_TARGETS:
            raise UsageError(f"values go to {MAX_TARGETS} programs at most: take one away first")
        if self._board.targets:
            self._board.targets.add(url)
        self._urls.append(url)
        self._board.tell(said="sending" if self._board.targets else "sends as soon as something runs", error="")

    def _on_unsend(self, number: int) -> None:
        targets = self._board.targets
        if targets:
            self._urls = [target.url for target in targets.all if target.number != number]
            targets.remove(number)
        self._board.tell(said="sends there no more", error="")

    @property
    def _tracker(self) -> FaceTracker:
        assert self._board.tracker is not None  # wishes are obeyed by the thread that has it
        return self._board.tracker

    def _with_controls(self, wish: Callable[[Controls], None]) -> None:
        controls = self._board.controls
        if controls is None:
            self._board.tell(said="nothing runs: choose a source")
            return
        wish(controls)
        self._board.keep(controls)
        self._board.tell(said=controls.said, error="")
