"""The display size set in finished Matroska files, and everything else left as it was."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from relook.film.container.matroska import COUNT_TAG, COUNT_UNKNOWN, set_frame_count, set_sample_aspect


def packets(path: Path) -> list[tuple[int, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.stream_index, packet.pts, bytes(packet)) for packet in container.demux()]


def found_by_seeking(path: Path) -> list[int]:
    """Follow the first two entries of the seek head: give the identities at the places they name."""
    data = path.read_bytes()
    seek_head = data.index(bytes.fromhex("114D9B74"))
    segment = data.index(bytes.fromhex("18538067")) + 12
    found, at = [], seek_head
    for _ in range(2):
        at = data.index(bytes.fromhex("53AC"), at) + 3
        position = int.from_bytes(data[at : at + data[at - 1] - 0x80], "big")
        found.append(int.from_bytes(data[segment + position : segment + position + 4], "big"))
    return found


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(8, 9), Fraction(1, 2), Fraction(4)])
@pytest.mark.parametrize(
    ("name", "encoder", "pixel_format", "sounds"),
    [
        ("a.mkv", "ffv1", "bgr0", ()),
        ("a.mkv", "ffv1", "yuv420p", ("flac", "aac")),
        ("a.webm", "libvpx-vp9", "yuv420p", ()),
    ],
)
def test_the_aspect_is_read_back_and_nothing_moves(
    make_film: Any, draw: Any, aspect: Fraction, name: str, encoder: str, pixel_format: str, sounds: tuple[str, ...]
) -> None:
    path = make_film(name, draw(3, 90, 48), encoder=encoder, pixel_format=pixel_format, sounds=sounds)
    size, before = path.stat().st_size, packets(path)
    set_sample_aspect(path, 90, 48, aspect)
    assert path.stat().st_size == size
    assert packets(path) == before
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(round(90 * aspect), 90)
    assert found_by_seeking(path) == [0x1549A966, 0x1654AE6B]


def test_setting_it_twice_keeps_the_last(make_film: Any, draw: Any) -> None:
    path = make_film("a.mkv", draw(2, 64, 48))
    set_sample_aspect(path, 64, 48, Fraction(2))
    set_sample_aspect(path, 64, 48, Fraction(5, 4))
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(5, 4)


def test_another_container_is_refused(make_film: Any, draw: Any) -> None:
    path = make_film("a.mp4", draw(2, 64, 48), encoder="libx264", pixel_format="yuv420p")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Matroska"):
        set_sample_aspect(path, 64, 48, Fraction(2))
    assert path.read_bytes() == before


@pytest.mark.parametrize("font_bytes", [10, 3_000_000])
def test_the_count_of_frames_is_set_behind_any_font_and_nothing_else_changes(
    make_film: Any, draw: Any, tmp_path: Path, font_bytes: int
) -> None:
    plain, path = make_film("a.mkv", draw(3, 64, 48)), tmp_path / "b.mkv"
    with av.open(str(plain)) as source, av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as made:
        made.metadata["comment"] = "serial 00000000000007"
        copy = made.add_stream_from_template(source.streams.video[0])
        copy.metadata[COUNT_TAG] = COUNT_UNKNOWN
        made.add_attachment("font.ttf", "application/x-truetype-font", bytes(font_bytes))
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = copy
                made.mux(packet)
    size, before = path.stat().st_size, packets(path)
    set_frame_count(path, 39)
    assert path.stat().st_size == size
    assert packets(path) == before
    with av.open(str(path)) as container:
        assert container.streams.video[0].metadata[COUNT_TAG] == "0000000039"
        assert container.metadata["COMMENT"] == "serial 00000000000007"
