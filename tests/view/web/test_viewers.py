"""How messages reach viewers: the newest frame, whatever is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from realtime3d.view.web.messages import Wants
from realtime3d.view.web.viewers import MAX_TEXTS, Viewer, Viewers
from tests.helpers.faults import fault


class Numbered:
    """Stands where a frame's message does."""

    def __init__(self, number: int, made: list[int]) -> None:
        self.number, self._made = number, made

    def bytes_for(self, wants: Wants) -> bytes:
        self._made.append(self.number)
        return bytes([self.number % 256])


class SlowSocket:
    """Takes one message, then nothing until it is let go."""

    def __init__(self) -> None:
        self.got: list[str | bytes] = []
        self.go = asyncio.Event()

    async def send(self, message: str | bytes) -> None:
        self.got.append(message)
        await self.go.wait()


def deliver(viewer: Viewer, socket: SlowSocket) -> Awaitable[None]:
    send: Callable[[str | bytes], Awaitable[None]] = socket.send
    return asyncio.ensure_future(viewer.deliver(send, send))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@fault("page", "a viewer that reads slowly", "gets the newest frame; no others are kept")
def test_a_slow_viewer_gets_the_newest_frame_and_keeps_no_others() -> None:
    async def go() -> None:
        viewer, socket, made = Viewer(may_control=False), SlowSocket(), []
        task = deliver(viewer, socket)
        for number in range(100):
            viewer.show(Numbered(number, made))  # type: ignore[arg-type]
            await settle()
        assert socket.got == [b"\x00"]
        socket.go.set()
        await settle()
        assert socket.got == [b"\x00", bytes([99])]
        assert made == [0, 99]  # what is not sent is not made either
        task.cancel()  # type: ignore[attr-defined]

    asyncio.run(go())


@fault("page", "a viewer that reads nothing", "what waits for it is bounded")
def test_words_that_pile_up_are_bounded_and_the_last_ones_stay() -> None:
    async def go() -> None:
        viewer, socket = Viewer(may_control=False), SlowSocket()
        task = deliver(viewer, socket)
        for number in range(1000):
            viewer.say({"n": number})
            await settle()
        socket.go.set()
        for _ in range(MAX_TEXTS):
            await settle()
        assert len(socket.got) == 1 + MAX_TEXTS
        assert socket.got[-1] == '{"n": 999}'
        task.cancel()  # type: ignore[attr-defined]

    asyncio.run(go())


def test_who_comes_later_is_told_what_holds() -> None:
    async def go() -> None:
        viewers = Viewers()
        viewers.begin()
        viewers.tell({"run": "opening"}, keep="state")
        viewers.tell({"run": "running"}, keep="state")
        viewers.publish(Numbered(7, []))  # type: ignore[arg-type]
        await settle()
        late, socket = Viewer(may_control=True), SlowSocket()
        viewers.add(late)
        task = deliver(late, socket)
        await settle()
        assert socket.got == ['{"run": "running"}']
        socket.go.set()
        await settle()
        assert socket.got[-1] == bytes([7])  # also of a run that is paused
        task.cancel()  # type: ignore[attr-defined]

    asyncio.run(go())


def test_after_the_end_nothing_is_told_and_nothing_breaks() -> None:
    viewers = Viewers()

    async def begin() -> None:
        viewers.begin()

    asyncio.run(begin())
    viewers.tell({"run": "ended"}, keep="state")  # the loop is closed
    viewers.end()
    viewers.tell({"run": "ended"}, keep="state")
