"""Threads beside the caller: order kept, errors carried, nothing left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.film.overlap import Behind, ahead


def relook_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("relook")]


@settings(max_examples=20)
@given(items=st.lists(st.integers()), depth=st.integers(1, 4))
def test_order_is_kept(items: list[int], depth: int) -> None:
    assert list(ahead((item for item in items), depth=depth)) == items
    taken: list[int] = []
    behind: Behind[int] = Behind(taken.append, depth=depth)
    for item in items:
        behind.give(item)
    behind.finish()
    assert taken == items


def test_an_error_comes_in_its_place() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise KeyError("third")

    got = []
    with pytest.raises(KeyError, match="third"):
        for item in ahead(broken(), depth=1):
            got.append(item)
    assert got == [1, 2]


def test_closing_stops_the_thread_and_the_generator() -> None:
    closed = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    going = ahead(endless(), depth=2)
    assert next(going) == 0
    going.close()
    assert closed.is_set()
    assert not relook_threads()


def test_it_runs_no_further_ahead_than_asked() -> None:
    made: list[int] = []

    def counted() -> Generator[int, None, None]:
        for item in range(100):
            made.append(item)
            yield item

    going = ahead(counted(), depth=2)
    next(going)
    time.sleep(0.1)
    assert len(made) <= 4
    going.close()


def test_the_first_error_of_the_taker_stops_the_giver() -> None:
    def refuse(item: int) -> None:
        raise ValueError(f"item {item}")

    behind: Behind[int] = Behind(refuse, depth=1)
    with pytest.raises(ValueError, match="item 0"):
        for item in range(1000):
            behind.give(item)
    behind.stop()
    assert not relook_threads()


def test_an_error_on_the_last_item_is_not_lost() -> None:
    def refuse(item: int) -> None:
        raise ValueError("late")

    behind: Behind[int] = Behind(refuse, depth=1)
    behind.give(1)
    with pytest.raises(ValueError, match="late"):
        behind.finish()
