"""Packets, frames and faults come through the pipe as they were, and what is no message is refused."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.film.container.ledger import PacketFacts
from relook.film.container.messages import (
    FRAME,
    HEAD,
    FrameMessages,
    GarbledError,
    Opened,
    opened_message,
    packet_message,
    parse_ended,
    parse_fault,
    parse_opened,
    parse_packet,
    read_frame,
)


def through_pipe(frame: av.VideoFrame, aspect: Fraction | None = None) -> tuple[av.VideoFrame, Fraction | None]:
    data = b"".join(bytes(part) for part in FrameMessages()(frame, aspect))
    kind, length = HEAD.unpack(data[: HEAD.size])
    assert kind == FRAME
    rest = data[HEAD.size + length :]

    def read_into(view: memoryview) -> None:
        nonlocal rest
        view[:], rest = rest[: len(view)], rest[len(view) :]

    told = read_frame(data[HEAD.size : HEAD.size + length], read_into)
    assert rest == b""
    return told


@pytest.mark.parametrize(
    "name",
    ["yuv420p", "yuv422p10le", "yuva444p12le", "gbrp16le", "bgr0", "gray16be", "nv12", "pal8", "uyvy422", "monob"],
)
def test_a_frame_of_any_kind_comes_through_with_all_its_facts(name: str) -> None:
    frame = av.VideoFrame(62, 46, name)
    random = np.random.default_rng(0)
    for plane in frame.planes:
        plane.update(random.integers(0, 256, plane.buffer_size, np.uint8).tobytes())
    frame.pts, frame.dts, frame.duration, frame.time_base = 7, None, 3, Fraction(1, 90000)
    frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, 16, 9, 1
    told, aspect = through_pipe(frame, Fraction(16, 15))
    assert (told.format.name, told.width, told.height, aspect) == (name, 62, 46, Fraction(16, 15))
    assert [bytes(plane) for plane in told.planes] == [bytes(plane) for plane in frame.planes]
    assert (told.pts, told.dts, told.duration, told.time_base) == (7, None, 3, Fraction(1, 90000))
    assert (told.color_primaries, told.color_trc, told.colorspace, told.color_range) == (9, 16, 9, 1)


def test_a_frame_that_is_stored_from_the_bottom_up_comes_through_upright() -> None:
    frame = av.VideoFrame.from_ndarray(np.random.default_rng(0).integers(0, 256, (46, 62, 3), np.uint8), format="rgb24")
    graph = av.filter.Graph()
    source = graph.add_buffer(width=62, height=46, format=frame.format, time_base=Fraction(1, 24))
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(frame)
    flipped = graph.vpull()
    assert flipped.planes[0].line_size < 0, "the frame is one of the kind that is meant"
    told, _ = through_pipe(flipped)
    assert (told.to_ndarray() == frame.to_ndarray()[::-1]).all()


@given(st.binary(max_size=120))
def test_T1_what_is_no_message_is_refused_and_nothing_else_happens(body: bytes) -> None:
    for parse in (parse_packet, parse_fault, parse_ended, parse_opened, lambda data: read_frame(data, lambda _: None)):
        with suppress(GarbledError):
            parse(body)  # type: ignore[operator]


def test_T1_a_frame_of_giant_size_is_refused_before_memory_is_asked_for() -> None:
    body = b"".join(bytes(part) for part in list(FrameMessages()(av.VideoFrame(64, 48, "gray"), None))[:1])[HEAD.size :]
    giant = (10_000).to_bytes(4, "little") * 2 + body[8:]
    with pytest.raises(GarbledError):
        read_frame(giant, lambda _: None)


def test_facts_of_packets_and_films_come_through() -> None:
    facts = PacketFacts(None, 3, 2**33, True, False)
    assert parse_packet(packet_message(facts)[HEAD.size :]) == facts
    beginning = Opened("matroska,webm", 3, -7)
    assert parse_opened(opened_message(beginning)[HEAD.size :]) == beginning
