"""A film by its cut list: the frames are those of the whole render, and a changed edit renders what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.apply.conformed import Segment, after
from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.apply.events import evenly, place_events
from relook.apply.render import render_film
from relook.errors import InputError, UsageError
from relook.film.cuts.cutlist import CutList, Event
from relook.film.frames import Frame
from relook.film.reader import FilmReader, probe
from relook.film.tally import frame_hash
from relook.look import Look
from relook.recipe.dials import Dials
from relook.timing import FrameRange, parse_timecode

RATE, START = Fraction(30000, 1001), "00:59:59;20"
NUM_FRAMES, SIZE = 90, (72, 96)
Cut = tuple[int, int]
"""First frame of the film, and the one after the last."""


def test_one_film_holds_the_frames_of_the_whole_render_in_record_order(
    film: Path,
    look: Look,
    whole: tuple[Delivery, list[bytes]],
    tmp_path: Path,
    pictures: Callable[[Path], list[bytes]],
    written: Callable[..., Path],
) -> None:
    cuts = [(55, 60), (3, 12), (12, 20), (40, 53), (41, 44)]
    edl, output = written(tmp_path / "cut.edl", cuts), tmp_path / "cut.mov"
    delivery = render_cut_list(film, look, output, edl, settings=RenderSettings())
    frames = [frame for cut in cuts for frame in range(*cut)]
    assert delivery.frame_hashes == tuple(whole[0].frame_hashes[frame] for frame in frames)
    assert pictures(output) == [whole[1][frame] for frame in frames]
    made = probe(output)
    assert (made.timecode, made.frame_rate, made.audio_codecs) == ("10:00:00;00", RATE, ())
    assert any("no sound" in note for note in delivery.notes)
    with FilmReader(output) as reader:
        pts = [frame.pts * made.time_base * RATE for frame in reader.frames()]
    assert [round(float(stamp)) for stamp in pts] == list(range(len(frames)))


def test_dissolves_and_fades_are_mixed_as_written(
    film: Path, look: Look, tmp_path: Path, dissolving: Callable[[Path], Path]
) -> None:
    """With the dials off the result is arithmetic on the source's frames."""
    with FilmReader(film) as reader:
        source = list(reader.frames())
    black = Frame(0, 0, 1, torch.zeros(3, *SIZE))

    def mix(old: Frame, new: Frame, share: float) -> Frame:
        sides = [torch.zeros_like(black.pixels) if side.beyond is None else side.beyond for side in (old, new)]
        beyond = torch.lerp(*sides, share) if old.beyond is not None or new.beyond is not None else None
        return replace(old, pixels=torch.lerp(old.pixels, new.pixels, share), beyond=beyond)

    def mixed(old: list[Frame], new: list[Frame]) -> list[Frame]:
        return [mix(a, b, (k + 1) / (len(old) + 1)) for k, (a, b) in enumerate(zip(old, new, strict=True))]

    expected = [
        *mixed([black] * 2, source[60:62]),
        *source[62:66],
        *mixed(source[66:74], source[16:24]),
        *source[24:32],
        *[black] * 3,
        *source[5:8],
        *mixed(source[8:11], [black] * 3),
    ]
    delivery = render_cut_list(
        film,
        look,
        tmp_path / "cut.mkv",
        dissolving(tmp_path / "cut.otio"),
        settings=RenderSettings(dials=Dials(strength=0)),
    )
    assert delivery.frame_hashes == tuple(frame_hash(frame) for frame in expected)
    with FilmReader(tmp_path / "cut.mkv") as reader:
        found = [frame.pixels for frame in reader.frames()]
    assert max(float((a - b.pixels).abs().mean()) for a, b in zip(found, expected, strict=True)) < 0.03, (
        "as near as encoding lets it"
    )


def test_dissolves_are_of_rendered_frames(
    film: Path, look: Look, whole: tuple[Delivery, list[bytes]], tmp_path: Path, dissolving: Callable[[Path], Path]
) -> None:
    delivery = render_cut_list(
        film, look, tmp_path / "cut.mov", dissolving(tmp_path / "cut.otio"), settings=RenderSettings()
    )
    assert delivery.frame_hashes[2:6] == whole[0].frame_hashes[62:66]
    assert delivery.frame_hashes[14:22] == whole[0].frame_hashes[24:32]
    assert set(delivery.frame_hashes[6:14]).isdisjoint(whole[0].frame_hashes)


def test_events_that_cannot_be_are_named_before_any_work(
    film: Path, look: Look, tmp_path: Path, source_label: Callable[[int], str], written: Callable[..., Path]
) -> None:
    cuts = [(0, 5), (85, 95), (10, 15), (-40, -30)]
    edl = written(tmp_path / "cut.edl", cuts, notes={3: "M2 A012C005_240101_R1AB 060.0 01:00:00:00"})
    for output in (tmp_path / "cut.mov", tmp_path / "shots"):
        with pytest.raises(InputError) as caught:
            render_cut_list(film, look, output, edl, settings=RenderSettings())
        for words in (
            f"event 002 shows {source_label(85)} to",
            "event 003 is retimed (M2 to 60",
            "event 004 shows 00:59:58;",
        ):
            assert words in str(caught.value)
        assert "event 001" not in str(caught.value) and not output.exists()


def test_other_reels_are_left_out_of_a_folder_and_refused_in_a_film(
    film: Path, look: Look, tmp_path: Path, written: Callable[..., Path]
) -> None:
    reels = ["A012C005", "B001", "A012C005_240101_R1AB"]
    edl = written(tmp_path / "cut.edl", [(0, 3), (500, 503), (6, 9)], reels=reels)
    delivery = render_cut_list(film, look, tmp_path / "shots", edl, settings=RenderSettings(dials=Dials(strength=0)))
    assert [shot.event for shot in delivery.shot_files] == ["001", "003"]
    assert "left out, from another reel: event 002 (B001)" in delivery.notes
    with pytest.raises(InputError, match=r"1 events come from other reels: 002 \(B001\)"):
        render_cut_list(film, look, tmp_path / "cut.mov", edl, settings=RenderSettings())
    written(edl, [(0, 3), (6, 9)], reels=["C001", "B001"])
    with pytest.raises(InputError, match=r"no event of the cut list uses .*B001, C001"):
        render_cut_list(film, look, tmp_path / "other", edl, settings=RenderSettings())
    written(edl, [(0, 3), (6, 9)], reels=["C001", "C001"])
    only = render_cut_list(film, look, tmp_path / "only.mov", edl, settings=RenderSettings(dials=Dials(strength=0)))
    assert f"the list's C001 is taken to be {film.name}" in only.notes


def test_overlapping_record_times_are_refused_in_a_film(
    film: Path, look: Look, tmp_path: Path, written: Callable[..., Path]
) -> None:
    edl = written(tmp_path / "cut.edl", [(0, 5), (10, 15)])
    edl.write_text(edl.read_text().replace("10:00:00;05 10:00:00;10", "10:00:00;03 10:00:00;08"))
    with pytest.raises(InputError, match="event 002 begins before the previous one ends"):
        render_cut_list(film, look, tmp_path / "cut.mov", edl, settings=RenderSettings())


@pytest.mark.parametrize(
    ("output", "settings", "handles", "words"),
    [
        ("cut.mov", {}, 4, "--handles is only for one film per shot"),
        ("cut.mov", {"frames": FrameRange(0, 3)}, 0, "leave out --range"),
        ("shots", {"passes": Path("layers")}, 0, "leave out --range and --passes"),
        ("nowhere/shots", {}, 0, "no folder"),
        ("cut.txt", {}, 0, "cannot write"),
        ("cut.####.png", {}, 0, "give a folder to get one film per shot"),
    ],
)
def test_what_does_not_go_together_is_refused(
    film: Path,
    look: Look,
    tmp_path: Path,
    output: str,
    settings: dict[str, Any],
    handles: int,
    words: str,
    written: Callable[..., Path],
) -> None:
    edl = written(tmp_path / "cut.edl", [(0, 3)])
    with pytest.raises(UsageError, match=words):
        render_cut_list(film, look, tmp_path / output, edl, settings=RenderSettings(handles=handles, **settings))
    assert list(tmp_path.iterdir()) == [edl]


def test_a_film_may_run_past_midnight(film: Path) -> None:
    late = replace(probe(film), timecode="23:59:59;00")
    start = parse_timecode("00:00:00;05", RATE)
    event = Event("001", "picture", "", "", FrameRange(start, start + 4), FrameRange(0, 4))
    (placed,) = place_events(CutList("", (event,), RATE), late, NUM_FRAMES).placed
    assert placed.frames == FrameRange(35, 39)


def test_a_numbered_sequence_is_a_film_too(look: Look, tmp_path: Path, pictures: Callable[[Path], list[bytes]]) -> None:
    rng = np.random.default_rng(0)
    plate = tmp_path / "plate"
    plate.mkdir()
    for number in range(1001, 1013):
        cv2.imwrite(str(plate / f"plate.{number}.png"), rng.integers(0, 255, (*SIZE, 3), np.uint8))
    edl = tmp_path / "cut.edl"
    edl.write_text("001 plate V C 00:00:00:04 00:00:00:07 01:00:00:00 01:00:00:03")
    source = render_film(plate, look, tmp_path / "whole", settings=RenderSettings())
    joined = render_cut_list(plate, look, tmp_path / "cut.mov", edl, settings=RenderSettings())
    assert joined.frame_hashes == source.frame_hashes[4:7]
    (shot,) = render_cut_list(plate, look, tmp_path / "shots", edl, settings=RenderSettings()).shot_files
    assert len(pictures(shot.path)) == 3


def test_a_dissolve_mixes_transparency(look: Look, tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    plate.mkdir()
    for number in range(8):
        picture = np.full((*SIZE, 4), 128, np.uint8)
        picture[..., 3] = 30 * number
        cv2.imwrite(str(plate / f"plate.{1001 + number}.png"), picture)
    edl = tmp_path / "cut.edl"
    edl.write_text(
        "001 plate V C     00:00:00:00 00:00:00:02 01:00:00:00 01:00:00:02\n"
        "002 plate V C     00:00:00:02 00:00:00:02 01:00:00:02 01:00:00:02\n"
        "002 plate V D 002 00:00:00:05 00:00:00:08 01:00:00:02 01:00:00:05\n"
    )
    settings = RenderSettings(dials=Dials(grade=0, detail=0, texture=0))
    render_cut_list(plate, look, tmp_path / "cut.mkv", edl, settings=settings)
    with FilmReader(tmp_path / "cut.mkv") as reader:
        alpha = [int(frame.native.to_ndarray(format="rgba")[0, 0, 3]) for frame in reader.frames()]
    assert np.allclose(alpha, [0, 30, 60 + 90 / 3, 90 + 90 / 3 * 2, 210], atol=1)


@pytest.mark.parametrize(("ending", "clear"), [(".mkv", 0), (".mov", 0), (".mp4", 255)])
def test_black_is_transparent_where_the_output_holds_transparency(
    look: Look, tmp_path: Path, ending: str, clear: int
) -> None:
    """A gap of two frames, then a fade in from black over two, of pictures that are opaque."""
    plate = tmp_path / "plate"
    plate.mkdir()
    for number in range(6):
        cv2.imwrite(str(plate / f"plate.{1001 + number}.png"), np.full((*SIZE, 4), (255, 255, 255, 255), np.uint8))
    edl = tmp_path / "cut.edl"
    edl.write_text(
        "001 plate V C     00:00:00:00 00:00:00:01 01:00:00:00 01:00:00:01\n"
        "002 BL    V C     00:00:00:00 00:00:00:00 01:00:00:03 01:00:00:03\n"
        "002 plate V D 002 00:00:00:01 00:00:00:04 01:00:00:03 01:00:00:06\n"
    )
    settings = RenderSettings(dials=Dials(grade=0, detail=0, texture=0))
    render_cut_list(plate, look, tmp_path / f"cut{ending}", edl, settings=settings)
    with FilmReader(tmp_path / f"cut{ending}") as reader:
        shown = [frame.native.to_ndarray(format="rgba")[8, 8, [0, 3]].tolist() for frame in reader.frames()]
    colours, alphas = zip(*shown, strict=True)
    assert np.allclose(alphas, [255, clear, clear, *((85, 170) if clear == 0 else (255, 255)), 255], atol=2)
    assert np.allclose(colours, [255, 0, 0, *((255, 255) if clear == 0 else (85, 170)), 255], atol=4)


@pytest.mark.parametrize("name", ["cut.mkv", "shots"])
def test_what_a_film_of_a_cut_list_cannot_hold_is_told(look: Look, tmp_path: Path, name: str) -> None:
    plate = tmp_path / "plate"
    plate.mkdir()
    for number in range(4):
        light = np.full((*SIZE, 3), 1.5 if number == 2 else 0.5, np.float32)
        cv2.imwrite(str(plate / f"plate.{1001 + number}.tif"), light)
    edl = tmp_path / "cut.edl"
    edl.write_text("001 plate V C 00:00:00:01 00:00:00:04 01:00:00:00 01:00:00:03")
    delivery = render_cut_list(plate, look, tmp_path / name, edl, settings=RenderSettings(dials=Dials(texture=0)))
    assert delivery.num_clipped == 1


def test_a_cut_list_counts_evenly(film: Path) -> None:
    info = probe(film)
    tick = round(1 / (info.frame_rate * info.time_base))
    late = [Frame(index, index * tick + (index > 2) * tick, tick, torch.zeros(3, 2, 2)) for index in range(6)]
    apart = [frame for frame in late if frame.index != 3]
    assert len(list(evenly(iter(late[:3]), info))) == 3
    assert len(list(evenly(iter(apart), info))) == 5, "what lies between ranges is no gap"
    with pytest.raises(InputError, match=r"frame 3 of .* is not on an even"):
        list(evenly(iter(late), info))


@settings(max_examples=40)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), min_size=1, max_size=5),
    data=st.data(),
)
def test_the_rest_of_an_edit_shows_what_the_whole_shows_there(
    lengths: list[tuple[int, bool, bool]], data: st.DataObject
) -> None:
    """Frame by frame: which frames of both sides, and the share of the mix."""
    edit = [
        Segment(
            n, FrameRange(100 * k, 100 * k + n), FrameRange(50 + 100 * k, 50 + 100 * k + n) if mixes else None, mixes
        )
        if shows
        else Segment(n)
        for k, (n, shows, mixes) in enumerate(lengths)
    ]

    def shown(segments: Sequence[Segment]) -> list[tuple[int | None, int | None, Fraction]]:
        return [
            (
                s.incoming and s.incoming.start + k,
                s.outgoing and s.outgoing.start + k,
                Fraction(s.num_before + k + 1, s.num_before + s.length + 1) if s.is_dissolve else Fraction(0),
            )
            for s in segments
            for k in range(s.length)
        ]

    count = data.draw(st.integers(0, sum(s.length for s in edit)))
    assert shown(after(edit, count)) == shown(edit)[count:]
