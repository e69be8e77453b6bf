from __future__ import annotations

import logging
import threading

import pytest

from realtime3d.sources.latest import Closed, Latest, join


def test_the_newest_wins_and_what_it_replaced_is_counted() -> None:
    box: Latest[int] = Latest()
    for number in range(5):
        box.put(number)
    assert box.get(0) == 4
    assert box.dropped == 4
    assert box.get(0.001) is None
    assert box.dropped == 4


def test_each_item_is_given_at_most_once_to_all_takers_together() -> None:
    box: Latest[int] = Latest()
    taken: list[int] = []

    def take() -> None:
        while True:
            try:
                item = box.get(5)
            except Closed:
                return
            if item is not None:
                taken.append(item)

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()
    for number in range(1, 2001):
        box.put(number)
    box.close()
    for taker in takers:
        taker.join(10)
    assert len(taken) == len(set(taken))
    assert len(taken) + box.dropped == 2000
    assert 2000 in taken


def test_the_last_item_can_be_taken_after_the_end() -> None:
    box: Latest[str] = Latest()
    box.put("last")
    box.close()
    assert box.get(0) == "last"
    with pytest.raises(Closed):
        box.get(0)
    with pytest.raises(Closed):
        box.get(10)


def test_the_producers_exception_is_raised_where_items_are_taken() -> None:
    box: Latest[str] = Latest()
    box.close(ZeroDivisionError("in the thread"))
    with pytest.raises(ZeroDivisionError, match="in the thread"):
        box.get(10)


def test_a_taker_that_waits_is_woken_by_the_end() -> None:
    box: Latest[str] = Latest()
    threading.Timer(0.05, box.close).start()
    with pytest.raises(Closed):
        box.get(60)


def test_what_is_put_after_the_end_is_ignored() -> None:
    box: Latest[str] = Latest()
    box.close()
    box.put("late")
    with pytest.raises(Closed):
        box.get(0)


def test_a_thread_that_hangs_is_named(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait, args=(20,), name="capture thread of camera 3", daemon=True)
    thread.start()
    with caplog.at_level(logging.WARNING):
        assert not join(thread, 0.01)
    assert "capture thread of camera 3" in caplog.text
    release.set()
    assert join(thread, 10)


def test_a_thread_may_close_what_it_runs_in() -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(join(threading.current_thread(), 0.01)))
    thread.start()
    thread.join(10)
    assert found == [False]
