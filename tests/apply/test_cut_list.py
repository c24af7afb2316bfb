"""A film by its cut list: the frames are those of the whole render, and a changed edit renders what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import opentimelineio as otio
import pytest
import torch

from relook.apply import shot_files
from relook.apply.edited import render_cut_list
from relook.apply.events import place_events
from relook.apply.render import Delivery, RenderSettings, render_film
from relook.errors import InputError, LockedError, UsageError
from relook.film.cutlist import CutList, Event
from relook.film.publish import locked
from relook.film.reader import FilmReader, probe
from relook.look import Look, load_look, save_look
from relook.recipe.dials import Dials
from relook.timing import FrameRange, format_timecode, parse_timecode

RATE, START = Fraction(30000, 1001), "00:59:59;20"
NUM_FRAMES, SIZE = 90, (72, 96)
Cut = tuple[int, int]
"""First frame of the film, and the one after the last."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paint a film of two shots, 50 and 40 frames, drop-frame, with sound; its name is its reel."""
    path = tmp_path_factory.mktemp("film") / "A012C005_240101_R1AB.mov"
    random = np.random.default_rng(0)
    scenes = [random.uniform(0.3, 1, (9, 30, 3)), random.uniform(0, 0.4, (9, 30, 3))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.metadata["timecode"] = START
        sound = container.add_stream("pcm_s16le", rate=48000)
        for index in range(NUM_FRAMES):
            wide = np.kron(scenes[index >= 50], np.ones((8, 8, 1)))[:, index : index + SIZE[1]]
            codes = np.ascontiguousarray((wide * 255).astype(np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode(None))
        tone = av.AudioFrame.from_ndarray(np.ones((1, 2 * 144_000), np.int16), format="s16", layout="stereo")
        tone.sample_rate = 48000
        container.mux(sound.encode(tone))
    return path


@pytest.fixture(scope="module")
def look(worn: Look, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Return a look with a file, and so with a hash."""
    path = tmp_path_factory.mktemp("look") / "worn.look"
    save_look(worn, path)
    return load_look(path)


@pytest.fixture(scope="module")
def whole(film: Path, look: Look, tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivery, list[bytes]]:
    """Render the whole film."""
    output = tmp_path_factory.mktemp("whole") / "whole.mov"
    return render_film(film, look, output, settings=RenderSettings()), pictures(output)


def pictures(path: Path) -> list[bytes]:
    with FilmReader(path) as reader:
        return [frame.pixels.numpy().tobytes() for frame in reader.frames()]


def source_label(frame: int) -> str:
    return format_timecode(parse_timecode(START, RATE) + frame, RATE, drop=True)


def written(path: Path, cuts: Sequence[Cut], *, reels: Sequence[str] = (), notes: dict[int, str] | None = None) -> Path:
    """Write an EDL of cuts, its record time from 10:00:00;00."""
    lines, record = ["TITLE: test"], parse_timecode("10:00:00;00", RATE)
    for number, (start, stop) in enumerate(cuts, start=1):
        reel = reels[number - 1] if reels else "A012C005_240101_R1AB"
        ends = [source_label(start), source_label(stop)]
        ends += [format_timecode(record + frames, RATE, drop=True) for frames in (0, stop - start)]
        lines += [f"{number:03d} {reel} V C {' '.join(ends)}", *filter(None, [(notes or {}).get(number)])]
        record += stop - start
    path.write_text("\n".join(lines))
    return path


def dissolving(path: Path) -> Path:
    """Write a timeline that fades in, dissolves over eight frames, has a gap, and fades out."""

    def time(frames: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(frames, 30000 / 1001)

    def clip(start: int, length: int) -> otio.schema.Clip:
        media = otio.schema.ExternalReference(
            "A012C005_240101_R1AB.mov", otio.opentime.TimeRange(time(0), time(NUM_FRAMES))
        )
        return otio.schema.Clip("c", media, otio.opentime.TimeRange(time(start), time(length)))

    def cross(before: int, after: int) -> otio.schema.Transition:
        return otio.schema.Transition("", "SMPTE_Dissolve", time(before), time(after))

    gap = otio.schema.Gap(duration=time(3))
    children = [cross(0, 2), clip(60, 10), cross(4, 4), clip(20, 12), gap, clip(5, 6), cross(3, 0)]
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video, children=children)
    otio.adapters.write_to_file(otio.schema.Timeline("t", tracks=[track]), str(path))
    return path


def test_one_film_holds_the_frames_of_the_whole_render_in_record_order(
    film: Path, look: Look, whole: tuple[Delivery, list[bytes]], tmp_path: Path
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


def test_dissolves_and_fades_are_mixed_as_written(film: Path, look: Look, tmp_path: Path) -> None:
    """With the dials off the result is arithmetic on the source's frames."""
    with FilmReader(film) as reader:
        source = [frame.pixels for frame in reader.frames()]
    black = torch.zeros(3, *SIZE)

    def mixed(old: list[torch.Tensor], new: list[torch.Tensor]) -> list[torch.Tensor]:
        return [torch.lerp(a, b, (k + 1) / (len(old) + 1)) for k, (a, b) in enumerate(zip(old, new, strict=True))]

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
    assert delivery.frame_hashes == tuple(hashlib.sha256(pixels.numpy().tobytes()).hexdigest() for pixels in expected)
    with FilmReader(tmp_path / "cut.mkv") as reader:
        found = [frame.pixels for frame in reader.frames()]
    assert max(float((a - b).abs().mean()) for a, b in zip(found, expected, strict=True)) < 0.03, (
        "as near as encoding lets it"
    )


def test_dissolves_are_of_rendered_frames(
    film: Path, look: Look, whole: tuple[Delivery, list[bytes]], tmp_path: Path
) -> None:
    delivery = render_cut_list(
        film, look, tmp_path / "cut.mov", dissolving(tmp_path / "cut.otio"), settings=RenderSettings()
    )
    assert delivery.frame_hashes[2:6] == whole[0].frame_hashes[62:66]
    assert delivery.frame_hashes[14:22] == whole[0].frame_hashes[24:32]
    assert set(delivery.frame_hashes[6:14]).isdisjoint(whole[0].frame_hashes)


def test_a_film_a_shot_with_handles_dissolves_and_sound(
    film: Path, look: Look, whole: tuple[Delivery, list[bytes]], tmp_path: Path
) -> None:
    folder = tmp_path / "shots"
    delivery = render_cut_list(
        film, look, folder, dissolving(tmp_path / "cut.otio"), handles=6, settings=RenderSettings()
    )
    assert [(shot.path.name, shot.cut, shot.frames) for shot in delivery.shot_files] == [
        ("001_c.mov", FrameRange(60, 74), FrameRange(54, 80)),
        ("002_c.mov", FrameRange(16, 32), FrameRange(10, 38)),
        ("003_c.mov", FrameRange(5, 11), FrameRange(0, 17)),
    ]
    assert "event 003: handles of 5 and 6 frames, for the film has no more there" in delivery.notes
    for shot in delivery.shot_files:
        assert pictures(shot.path) == whole[1][shot.frames.start : shot.frames.stop]
        made = probe(shot.path)
        assert made.timecode == source_label(shot.frames.start) and made.audio_codecs == ("pcm_s16le",)
    record = json.loads((folder / "relook-shots.json").read_text())
    assert record["shots"]["002_c.mov"]["cut"] == [16, 32]
    assert record["shots"]["002_c.mov"]["cut_timecode"] == [source_label(16), source_label(32)]


FORTY = [(2 * k, 2 * k + 2) for k in range(40)]


def rendered_of(delivery: Delivery) -> list[str]:
    return [shot.path.name for shot in delivery.shot_files if shot.is_new]


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mov")}


def test_an_edit_of_one_event_in_forty_renders_one(film: Path, look: Look, tmp_path: Path) -> None:
    def render(cuts: Sequence[Cut], **settings: Any) -> Delivery:
        edl = written(tmp_path / "cut.edl", cuts)
        return render_cut_list(film, look, folder, edl, settings=RenderSettings(**settings))

    folder = tmp_path / "shots"
    assert len(rendered_of(render(FORTY))) == 40
    first = stamps(folder)
    assert rendered_of(render(FORTY)) == [] and stamps(folder) == first
    changed = [*FORTY[:17], (80, 83), *FORTY[18:]]
    assert rendered_of(render(changed)) == ["018_A012C005_240101_R1AB.mov"]
    assert [name for name, at in stamps(folder).items() if first[name] != at] == ["018_A012C005_240101_R1AB.mov"]
    before = pictures(folder / "030_A012C005_240101_R1AB.mov")
    renumbered = render([(84, 86), *changed])
    assert rendered_of(renumbered) == ["001_A012C005_240101_R1AB.mov"], "what has a new number only is renamed"
    assert pictures(folder / "031_A012C005_240101_R1AB.mov") == before
    assert rendered_of(render([(84, 86), *changed])) == []
    assert len(rendered_of(render(FORTY[:3], seed=1, overwrite=True))) == 3
    assert any("no longer in the list" in note for note in render(FORTY[:3], seed=1).notes)
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix != ".mov") == [".json", ".lock"]


@pytest.fixture
def three(film: Path, look: Look, tmp_path: Path) -> Callable[..., Delivery]:
    """Return a function that renders three shots into a folder."""

    def render(folder: Path = tmp_path / "shots", **settings: Any) -> Delivery:
        edl = written(tmp_path / "cut.edl", [(0, 3), (60, 63), (20, 23)])
        return render_cut_list(film, settings.pop("look", look), folder, edl, settings=RenderSettings(**settings))

    render()
    return render


@pytest.mark.parametrize(
    "settings", [{"seed": 3}, {"dials": Dials(grain=0.5)}, {"allows_flashes": True}], ids=["seed", "dials", "flashes"]
)
def test_what_a_shot_depends_on_renders_it_again(three: Callable[..., Delivery], settings: dict[str, Any]) -> None:
    assert rendered_of(three()) == []
    assert len(rendered_of(three(**settings))) == 3


def test_another_look_and_one_without_a_file_render_again(three: Callable[..., Delivery], look: Look) -> None:
    other = replace(look, sha256="0" * 64)
    assert len(rendered_of(three(look=other))) == 3
    assert rendered_of(three(look=other)) == []
    unsaved = replace(look, sha256="")
    assert len(rendered_of(three(look=unsaved))) == len(rendered_of(three(look=unsaved))) == 3


def test_files_that_are_not_ours_are_left_alone(three: Callable[..., Delivery], tmp_path: Path) -> None:
    (second,) = (tmp_path / "shots").glob("002*.mov")
    second.write_bytes(b"graded by hand")
    with pytest.raises(UsageError, match=r"002.*not as relook wrote it.*--overwrite"):
        three()
    assert second.read_bytes() == b"graded by hand"
    assert rendered_of(three(overwrite=True)) == [second.name]
    second.unlink()
    assert rendered_of(three()) == [second.name]
    with locked(tmp_path / "shots" / "relook-shots.lock", "busy"), pytest.raises(LockedError, match="another job"):
        three()
    (tmp_path / "shots" / "relook-shots.json").write_text("{")
    with pytest.raises(InputError, match=r"relook-shots\.json"):
        three()


def test_what_was_done_before_a_stop_is_kept(film: Path, look: Look, tmp_path: Path) -> None:
    edl, folder = written(tmp_path / "cut.edl", [(60, 63), (0, 3)]), tmp_path / "shots"

    def stop(progress: Any) -> None:
        if progress.stage == "rendering" and progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_cut_list(film, look, folder, edl, settings=RenderSettings(), on_progress=stop)
    assert [path.name[:3] for path in folder.glob("*.mov*")] == ["002"]
    assert [name[:3] for name in rendered_of(render_cut_list(film, look, folder, edl, settings=RenderSettings()))] == [
        "001"
    ]


def test_events_that_cannot_be_are_named_before_any_work(film: Path, look: Look, tmp_path: Path) -> None:
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


def test_other_reels_are_left_out_of_a_folder_and_refused_in_a_film(film: Path, look: Look, tmp_path: Path) -> None:
    reels = ["A012C005", "B001", "A012C005_240101_R1AB"]
    edl = written(tmp_path / "cut.edl", [(0, 3), (500, 503), (6, 9)], reels=reels)
    delivery = render_cut_list(film, look, tmp_path / "shots", edl, settings=RenderSettings(dials=Dials(strength=0)))
    assert [shot.event for shot in delivery.shot_files] == ["001", "003"]
    assert "left out, of another reel: event 002 (B001)" in delivery.notes
    with pytest.raises(InputError, match=r"1 events are of other reels: 002 \(B001\)"):
        render_cut_list(film, look, tmp_path / "cut.mov", edl, settings=RenderSettings())
    written(edl, [(0, 3), (6, 9)], reels=["C001", "B001"])
    with pytest.raises(InputError, match=r"no event of the cut list is of .*B001, C001"):
        render_cut_list(film, look, tmp_path / "other", edl, settings=RenderSettings())
    written(edl, [(0, 3), (6, 9)], reels=["C001", "C001"])
    only = render_cut_list(film, look, tmp_path / "only.mov", edl, settings=RenderSettings(dials=Dials(strength=0)))
    assert f"the list's C001 is taken for {film.name}" in only.notes


def test_overlapping_record_times_are_refused_in_a_film(film: Path, look: Look, tmp_path: Path) -> None:
    edl = written(tmp_path / "cut.edl", [(0, 5), (10, 15)])
    edl.write_text(edl.read_text().replace("10:00:00;05 10:00:00;10", "10:00:00;03 10:00:00;08"))
    with pytest.raises(InputError, match="event 002 begins before the one ahead of it ends"):
        render_cut_list(film, look, tmp_path / "cut.mov", edl, settings=RenderSettings())


@pytest.mark.parametrize(
    ("output", "settings", "handles", "words"),
    [
        ("cut.mov", {}, 4, "--handles is for one film a shot"),
        ("cut.mov", {"frames": FrameRange(0, 3)}, 0, "leave --range"),
        ("shots", {"passes": Path("layers")}, 0, "leave --range and --passes"),
        ("nowhere/shots", {}, 0, "no folder"),
        ("cut.txt", {}, 0, "cannot write"),
        ("cut.####.png", {}, 0, "give a folder for one film a shot"),
    ],
)
def test_what_does_not_go_together_is_refused(
    film: Path, look: Look, tmp_path: Path, output: str, settings: dict[str, Any], handles: int, words: str
) -> None:
    edl = written(tmp_path / "cut.edl", [(0, 3)])
    with pytest.raises(UsageError, match=words):
        render_cut_list(film, look, tmp_path / output, edl, handles=handles, settings=RenderSettings(**settings))
    assert list(tmp_path.iterdir()) == [edl]


@pytest.mark.parametrize(
    "name",
    ["../../out", "/etc/passwd", "..", "a/b\\c", "na\u00efve \u6620\u753b", "x" * 300, "\u6620" * 300, ".", "\n"],
)
def test_a_clip_s_name_leads_nowhere(name: str) -> None:
    made = shot_files.shot_name("003", name)
    assert made.startswith("003") and len(made.encode()) < 150 and not set(made) & set("/\\\n\0") and ".." not in made


def test_a_film_may_run_past_midnight(film: Path) -> None:
    late = replace(probe(film), timecode="23:59:59;00")
    start = parse_timecode("00:00:00;05", RATE)
    event = Event("001", "picture", "", "", FrameRange(start, start + 4), FrameRange(0, 4))
    (placed,) = place_events(CutList("", (event,), RATE), late, NUM_FRAMES).placed
    assert placed.frames == FrameRange(35, 39)


def test_a_numbered_sequence_is_a_film_too(look: Look, tmp_path: Path) -> None:
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
