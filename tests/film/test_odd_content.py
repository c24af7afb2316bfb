"""Films of hardly any frames or content, interlaced ones, and such as change within (IN03, IN04, IN13, IN17, IN24)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import relook
from relook.errors import InputError
from relook.film.fields import look_at_fields, require_progressive
from relook.film.frames import Mending
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.look import Look
from relook.pipeline.arguments import loaded
from relook.timing import FrameRange
from tests.film.interlacing import telecined, woven
from tests.film.odd_films import H264, KEEPING, MakeFilm, pan, times

# IN03, IN04


@pytest.fixture(scope="module")
def silent() -> Look:
    return loaded("silent")


@pytest.mark.parametrize("count", [pytest.param(1, id="IN03"), pytest.param(2, id="IN04")])
def test_films_of_one_and_two_frames_go_through_both_verbs(
    make_film: MakeFilm, tmp_path: Path, silent: Look, count: int
) -> None:
    source = make_film("a.mov", pan(count, width=160, height=120), **H264)
    delivery = relook.apply(source, silent, tmp_path / "o.mov")
    assert len(delivery.frame_hashes) == len(times(tmp_path / "o.mov")) == count
    with FilmReader(source) as before, FilmReader(tmp_path / "o.mov") as after:
        lengths = [
            [native.duration * reader.info.time_base for native in reader.native_frames()] for reader in (before, after)
        ]
    assert lengths == [[Fraction(1, 25)] * count] * 2
    report = relook.check(tmp_path / "o.mov", silent, source=source)
    assert [shot.frames for shot in report.shots] == [FrameRange(0, count)]
    assert report.verdict == "unjudged"


@pytest.mark.parametrize("cuts", [(0, 1), (0, 11), (0, 6, 7), (0, 1, 11)])
def test_IN04_cuts_on_the_first_and_the_last_frame_and_shots_of_one_frame(
    make_film: MakeFilm, tmp_path: Path, silent: Look, cuts: tuple[int, ...]
) -> None:
    """A shot so short may be found or not; no frame is lost to it."""
    scenes = [seed for seed, start in enumerate(cuts) for _ in range(start, [*cuts[1:], 12][seed])]
    source = make_film("a.mkv", [pan(12, width=96, height=64, seed=scene)[n] for n, scene in enumerate(scenes)])
    shots = find_shots(source)
    assert [shot.frames.start for shot in shots] == [0, *(shot.frames.stop for shot in shots)][:-1]
    assert shots[-1].frames.stop == 12
    relook.apply(source, silent, tmp_path / "o.mkv")
    assert times(tmp_path / "o.mkv") == times(source)


# IN13


@pytest.mark.parametrize("top_first", [True, False], ids=["tff", "bff"])
@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("mbaff.mp4", "libx264", {"x264-params": "interlaced=1", "crf": "12"}),
        ("ildct.mkv", "libx264", {"flags": "+ildct+ilme", "crf": "12"}),
        ("unflagged.mp4", "libx264", {"x264-params": "fake-interlaced=1", "crf": "12"}),
        ("dvd.mpg", "mpeg2video", {"flags": "+ildct+ilme", "b": "4M"}),
    ],
    ids=["mbaff", "ildct", "unflagged", "mpeg2"],
)
def test_IN13_interlaced_films_are_refused_with_the_remedy_or_deinterlaced(
    make_film: MakeFilm, name: str, encoder: str, options: dict[str, str], top_first: bool
) -> None:
    frames = woven(pan(48, width=128, height=96), top_first=top_first)
    path = make_film(name, frames, **{**H264, "encoder": encoder}, options=options)
    assert look_at_fields(path).is_top_first == top_first
    with pytest.raises(InputError, match=r"is interlaced.*--deinterlace"):
        require_progressive(path)
    whole = Mending(deinterlaces=True)
    assert times(path, whole) == times(path)
    with FilmReader(path, whole) as reader:
        assert reader.deinterlaces


@pytest.mark.parametrize("each", [1, 2], ids=["live action", "animation on twos"])
def test_IN13_a_telecined_film_is_refused_with_the_remedy(make_film: MakeFilm, each: int) -> None:
    """Where every second film frame repeats the one before, one in five is combed, and few others are seen to be clean."""
    moments = pan(40, width=160, height=96)
    frames = telecined([moments[n // each * each] for n in range(40)])
    path = make_film("a.mp4", frames, **{**H264, "rate": 30, "time_base": Fraction(1, 30)}, options={"crf": "12"})
    for refuse in (require_progressive, lambda path: FilmReader(path, Mending(deinterlaces=True))):
        with pytest.raises(InputError, match=r"telecined.*inverse telecine.*fieldmatch,decimate"):
            refuse(path)


# IN17


@pytest.mark.parametrize("ending", ["h264", "mkv", "ts"])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"size": (96, 64)}, "size from 64 x 48 to 96 x 64"),
        ({"pixel_format": "yuv444p"}, "pixel format from yuv420p to yuv444p"),
        ({"pixel_format": "yuv420p10le"}, "pixel format from yuv420p to yuv420p10le"),
        ({"options": {"x264-params": "sar=2/1"}}, "pixel aspect from 1 to 2"),
    ],
    ids=["size", "sampling", "depth", "aspect"],
)
def test_IN17_a_film_that_changes_within_is_refused_by_frame(
    make_film: MakeFilm, tmp_path: Path, silent: Look, ending: str, other: dict[str, Any], words: str
) -> None:
    plain = {**H264, "options": {"bf": "0", "g": "4"}}
    width, height = other.get("size", (64, 48))
    changed = {**plain, **{key: value for key, value in other.items() if key != "size"}}
    changed["options"] = {**plain["options"], **other.get("options", {})}
    parts = [
        make_film("one.h264", pan(12), **plain),
        make_film("two.h264", pan(12, width=width, height=height), **changed),
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    if ending != "h264":
        with av.open(str(path)) as whole, av.open(str(tmp_path / f"both.{ending}"), "w") as made:
            stream = made.add_stream_from_template(whole.streams.video[0])
            for number, packet in enumerate(packet for packet in whole.demux(video=0) if packet.size):
                packet.time_base, packet.pts, packet.dts, packet.duration = Fraction(1, 25), number, number, 1
                packet.stream = stream
                made.mux(packet)
        path = tmp_path / f"both.{ending}"
    named = rf"changes its {words} at frame 12 \(0\.5 s, 00:00:00:12\); split it there"
    with pytest.raises(InputError, match=named):
        times(path)
    if ending != "h264":
        with pytest.raises(InputError, match=f"changes its {words} at frame 1"):
            times(path, KEEPING)
    with pytest.raises(InputError, match=named):
        relook.apply(path, silent, tmp_path / "o.mkv")
    assert not (tmp_path / "o.mkv").exists()


# IN24


@pytest.mark.parametrize("kind", ["black", "white", "static", "noise", "strobe"])
def test_IN24_films_without_content_are_rendered_and_never_passed(
    make_film: MakeFilm, tmp_path: Path, silent: Look, kind: str
) -> None:
    """A still scene is judged by the marks that the look lays over it; noise is no picture that any look prescribes."""
    rng = np.random.default_rng(0)
    still = pan(1, width=160, height=96)[0]
    frames = {
        "black": [np.zeros_like(still)] * 12,
        "white": [np.full_like(still, 255)] * 12,
        "static": [still] * 12,
        "noise": [rng.integers(0, 256, still.shape, dtype=np.uint8) for _ in range(12)],
        "strobe": [np.full_like(still, 255 * (n % 2)) for n in range(12)],
    }[kind]
    source = make_film("a.mkv", frames)
    delivery = relook.apply(source, silent, tmp_path / "o.mkv")
    assert len(delivery.frame_hashes) == 12 and all(np.isfinite(delivery.flicker))
    with FilmReader(tmp_path / "o.mkv") as reader:
        assert all(bool(frame.pixels.isfinite().all()) for frame in reader.frames())
    report = relook.check(tmp_path / "o.mkv", silent, source=source)
    for shot in report.shots:
        assert (shot.verdict == "unjudged") == (kind in ("black", "white", "strobe")) and shot.verdict != "pass"
        assert [reason.code for reason in shot.reasons if shot.verdict == "unjudged"] in ([], ["not_judgeable"])
        assert all(np.isfinite(value) for value in shot.measures.values() if isinstance(value, float))
