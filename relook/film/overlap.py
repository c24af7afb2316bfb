"""Decode, compute and encode at the same time, with bounded queues in between."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """Marks the end of a thread's items, and carries the error it ended with, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Generator[T, None, None], *, depth: int) -> Generator[T, None, None]:
    """Run a generator in its own thread, up to `depth` items ahead of the consumer.

    Its errors are raised here, after the items before them. Closing this iterator stops the thread and closes `items`.
    """
    queue: Queue[T | _End] = Queue(maxsize=depth)
    stop = Event()
    thread = Thread(target=_produce, args=(items, queue, stop), name="relook-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        while thread.is_alive():
            with suppress(Empty):
                queue.get(timeout=0.01)


def _produce(items: Generator[T, None, None], queue: Queue[T | _End], stop: Event) -> None:
    try:
        with closing(items):
            for item in items:
                queue.put(item)
                if stop.is_set():
                    return
    except BaseException as error:
        queue.put(_End(error))
    else:
        queue.put(_End())


class Behind(Generic[T]):
    """Pass items to a function that runs in its own thread, up to `depth` items behind the caller.

    The first error of the function is raised by the next `give`, or by `finish`; later items are dropped.
    """

    def __init__(self, take: Callable[[T], None], *, depth: int) -> None:
        self._take = take
        self._queue: Queue[T | _End] = Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._consume, name="relook-behind", daemon=True)
        self._thread.start()

    def give(self, item: T) -> None:
        """Queue one item; waits while the queue is full."""
        self._raise_error()
        self._queue.put(item)

    def finish(self) -> None:
        """Wait until everything given has been taken."""
        self.stop()
        self._raise_error()

    def stop(self) -> None:
        """End the thread, in order, without raising its error."""
        if self._thread.is_alive():
            self._queue.put(_End())
            self._thread.join()

    def _consume(self) -> None:
        while not isinstance(item := self._queue.get(), _End):
            if self._error is None:
                try:
                    self._take(item)
                except BaseException as error:
                    self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
