"""Decode a film in a process that may do nothing else, and report through a pipe.

What runs here reads strangers' files with FFmpeg, in C. Before it opens the film it gets limits: on memory, on the size of
files that it writes (none), and on open files; once the film is open it can open nothing more, no file and no socket,
because no descriptor is left. A crash, a hang or a hunger for memory ends with this process.

These limits do not contain code that has taken over the process on purpose: it could still rename and remove files, or
close the film and open another file.
"""

from __future__ import annotations

import errno
import os
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from relook import faults
from relook.errors import InputError
from relook.film.combs import combs_of_places
from relook.film.container.decoding import decoded, ended, facts_of, first_frames, opened, packets_of
from relook.film.container.ledger import PacketFacts
from relook.film.container.messages import (
    DONE,
    FAILED,
    REFUSED,
    FrameMessages,
    combs_message,
    ended_message,
    fault_message,
    message,
    opened_message,
    packet_message,
)
from relook.film.container.opening import film_info, open_film, picture_stream

if os.name == "posix":
    import resource

MEMORY: Final = "memory"
"""The body of a failure message if memory was the reason; empty for any other reason."""

_PIPE: Final = 3
"""The pipe's descriptor; standard input, output and error, before it, lead nowhere."""
_MOST_OPEN: Final = 16
_MOST_GATHERED: Final = 1 << 16


Task = Literal["opening", "beginning", "combs", "packets", "frames"]
"""What to do with a film: read its header, decode its first frames, count the combs at some places, or go through
all of it and report its packets, or its frames too."""


@dataclass(frozen=True)
class Order:
    """One pass over a film."""

    path: str
    folder: str
    """The working folder of the process that asks."""
    task: Task
    memory_bytes: int
    in_threads: bool = True
    skipped: tuple[int, ...] = ()
    """Numbers of packets to keep from the decoder."""
    attempt: int = 1
    faults: str = ""
    """The fault that `relook.faults` plants."""


def tell_film(order: Order, pipe: int) -> None:
    """Report on a film through a pipe, and leave nothing else behind."""
    _limit(order, pipe)
    teller = _Teller(order)
    try:
        _do(order, teller)
    except InputError as error:
        teller.say(message(REFUSED, str(error).encode(errors="replace")), at_once=True)
    except BrokenPipeError:
        return
    except MemoryError:
        teller.say(message(FAILED, MEMORY.encode()), at_once=True)
    except Exception as error:
        is_hungry = isinstance(error, OSError) and error.errno == errno.ENOMEM
        teller.say(message(FAILED, MEMORY.encode() if is_hungry else b""), at_once=True)


def _limit(order: Order, pipe: int) -> None:
    os.dup2(pipe, _PIPE)
    os.closerange(_PIPE + 1, 4096)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.environ[faults.VARIABLE] = order.faults
    with suppress(OSError):
        os.chdir(order.folder)
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": _MOST_OPEN, "RLIMIT_AS": order.memory_bytes}
    for name, most in limits.items():
        lower(name, most)


def lower(name: str, most: int) -> None:
    """Lower a limit of this process for good; a limit that is lower already stays."""
    which = getattr(resource, name)
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):  # macOS knows no limit of memory
        resource.setrlimit(which, (most, most))


def _do(order: Order, teller: _Teller) -> None:
    path = Path(order.path)
    faults.point(order.task)
    if order.task == "combs":
        for run in combs_of_places(path):
            teller.say(combs_message(run))
    else:
        with open_film(path) as container:
            stream = picture_stream(container, path)
            if order.task == "opening":
                film_info(container, stream, path)
            elif order.task == "beginning":
                deque(first_frames(container, stream), maxlen=0)
            else:
                _go_through(order, container, stream, teller)
    teller.say(message(DONE), at_once=True)


def _go_through(order: Order, container: InputContainer, stream: VideoStream, teller: _Teller) -> None:
    if not order.in_threads:
        stream.thread_type = "NONE"
    teller.say(opened_message(opened(container, Path(order.path))), at_once=True)
    if order.task == "frames":
        deque(decoded(container, stream, teller, order.skipped), maxlen=0)
    else:
        for packet in packets_of(container, stream, teller):
            teller.packet(facts_of(packet))
    teller.say(ended_message(ended(container, stream)))


class _Teller:
    """A judge that passes on what it hears."""

    def __init__(self, order: Order) -> None:
        self._order, self._decodes = order, order.task == "frames"
        self._gathered = bytearray()
        self._num_packets = 0
        self._frame_messages = FrameMessages()

    def packet(self, packet: PacketFacts) -> None:
        """Report a packet before it is decoded, so that it is known at which one decoding died."""
        if self._num_packets == 0:
            _open_no_more()
        self.say(packet_message(packet), at_once=self._decodes)
        number = self._num_packets
        self._num_packets += 1
        if self._decodes and number not in self._order.skipped:
            faults.point(f"packet {number}")
            faults.point(f"packet {number} try {self._order.attempt}")

    def frame(self, frame: VideoFrame, aspect: Fraction | None) -> None:
        for part in self._frame_messages(frame, aspect):
            self.say(part, at_once=True)

    def fault(self, pts: int | None, reason: str) -> None:
        self.say(fault_message(pts, reason))

    def say(self, data: bytes | memoryview, *, at_once: bool = False) -> None:
        """Write into the pipe, or gather small messages for later."""
        if len(self._gathered) + len(data) < _MOST_GATHERED:
            self._gathered += data
            data = b""
        if at_once or data:
            _write(self._gathered)
            self._gathered.clear()
            _write(data)


def _open_no_more() -> None:
    """Forbid the descriptor that the next open file or socket would get."""
    free = os.dup(_PIPE)
    os.close(free)
    lower("RLIMIT_NOFILE", free)


def _write(data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(_PIPE, rest) :]
