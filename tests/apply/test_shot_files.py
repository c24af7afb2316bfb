"""A film a shot by a cut list: handles, dissolves and sound; and what a changed edit renders again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relook.apply import shot_files
from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.errors import InputError, LockedError, UsageError
from relook.film.publish import locked
from relook.film.reader import probe
from relook.look import Look
from relook.recipe.dials import Dials
from relook.timing import FrameRange

RATE, START = Fraction(30000, 1001), "00:59:59;20"
NUM_FRAMES, SIZE = 90, (72, 96)
Cut = tuple[int, int]
"""First frame of the film, and the one after the last."""


def test_a_film_a_shot_with_handles_dissolves_and_sound(
    film: Path,
    look: Look,
    whole: tuple[Delivery, list[bytes]],
    tmp_path: Path,
    pictures: Callable[[Path], list[bytes]],
    source_label: Callable[[int], str],
    dissolving: Callable[[Path], Path],
) -> None:
    folder = tmp_path / "shots"
    delivery = render_cut_list(
        film, look, folder, dissolving(tmp_path / "cut.otio"), settings=RenderSettings(handles=6)
    )
    assert [(shot.path.name, shot.cut, shot.frames) for shot in delivery.shot_files] == [
        ("001_c.mov", FrameRange(60, 74), FrameRange(54, 80)),
        ("002_c.mov", FrameRange(16, 32), FrameRange(10, 38)),
        ("003_c.mov", FrameRange(5, 11), FrameRange(0, 17)),
    ]
    assert "event 003: handles of only 5 and 6 frames: the film has no more there" in delivery.notes
    for shot in delivery.shot_files:
        assert pictures(shot.path) == whole[1][shot.frames.start : shot.frames.stop]
        made = probe(shot.path)
        assert made.timecode == source_label(shot.frames.start) and made.audio_codecs == ("pcm_s16le",)
    record = json.loads((folder / "relook-shots.json").read_text())
    assert record["shots"]["002_c.mov"]["cut"] == [16, 32]
    assert record["shots"]["002_c.mov"]["cut_timecode"] == [source_label(16), source_label(32)]


def test_shots_of_a_film_whose_sound_mov_cannot_hold_are_written_as_matroska(look: Look, tmp_path: Path) -> None:
    source = tmp_path / "B003.mkv"
    with av.open(str(source), "w") as made:
        stream: Any = made.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track: Any = made.add_stream("libopus", rate=48000, layout="stereo")
        for number in range(24):
            codes = np.full((48, 64, 3), 8 * number, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        made.mux(stream.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((2, 48000), np.float32), format="fltp", layout="stereo")
        tone.sample_rate = 48000
        made.mux(track.encode(tone))
        made.mux(track.encode(None))
    (tmp_path / "cut.edl").write_text(
        "001 B003 V C 01:00:00:02 01:00:00:06 10:00:00:00 10:00:00:04\n"
        "002 B003 V C 01:00:00:08 01:00:00:12 10:00:00:04 10:00:00:08\n"
    )
    settings = RenderSettings(dials=Dials(texture=0, detail=0))
    for is_new in (True, False):
        delivery = render_cut_list(source, look, tmp_path / "shots", tmp_path / "cut.edl", settings=settings)
        assert [(shot.path.name, shot.is_new) for shot in delivery.shot_files] == [
            ("001_B003.mkv", is_new),
            ("002_B003.mkv", is_new),
        ]
    assert [probe(shot.path).audio_codecs for shot in delivery.shot_files] == [("opus",)] * 2


def test_two_films_of_an_edit_share_a_folder(
    film: Path, look: Look, tmp_path: Path, source_label: Callable[[int], str]
) -> None:
    """The shot that goes out runs on under the other film's dissolve, and the other film's shots are not told as out of date."""
    (tmp_path / "B002.mov").symlink_to(film)
    labels = [source_label(frame) for frame in (10, 14, 20, 26)]
    (tmp_path / "cut.edl").write_text(
        f"001 A012C005_240101_R1AB V C {labels[0]} {labels[1]} 10:00:00;00 10:00:00;04\n"
        f"002 A012C005_240101_R1AB V C {labels[1]} {labels[1]} 10:00:00;04 10:00:00;04\n"
        f"002 B002 V D 003 {labels[2]} {labels[3]} 10:00:00;04 10:00:00;10\n"
    )
    for path, name, frames in (
        (film, "001_A012C005_240101_R1AB.mov", (10, 17)),
        (tmp_path / "B002.mov", "002_B002.mov", (20, 26)),
    ):
        given = render_cut_list(
            path, look, tmp_path / "shots", tmp_path / "cut.edl", settings=RenderSettings(dials=OFF)
        )
        assert [(shot.path.name, shot.cut) for shot in given.shot_files] == [(name, FrameRange(*frames))]
        assert not any("no longer in the list" in note for note in given.notes)


OFF = Dials(strength=0, texture=0)
FORTY = [(2 * k, 2 * k + 2) for k in range(40)]


def rendered_of(delivery: Delivery) -> list[str]:
    return [shot.path.name for shot in delivery.shot_files if shot.is_new]


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mov")}


def test_an_edit_of_one_event_in_forty_renders_one(
    film: Path, look: Look, tmp_path: Path, pictures: Callable[[Path], list[bytes]], written: Callable[..., Path]
) -> None:
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
    assert sorted(path.suffix for path in folder.iterdir() if path.suffix != ".mov") == [".json"]


@pytest.fixture
def three(film: Path, look: Look, tmp_path: Path, written: Callable[..., Path]) -> Callable[..., Delivery]:
    """Return a function that renders three shots into a folder."""

    def render(folder: Path = tmp_path / "shots", **settings: Any) -> Delivery:
        edl = written(tmp_path / "cut.edl", [(0, 3), (60, 63), (20, 23)])
        return render_cut_list(film, settings.pop("look", look), folder, edl, settings=RenderSettings(**settings))

    render()
    return render


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{"seed": 3}, {"dials": Dials(grain=0.5)}, {"allows_flashes": True}], ids=["seed", "dials", "flashes"]
)
def test_what_a_shot_depends_on_renders_it_again(three: Callable[..., Delivery], settings: dict[str, Any]) -> None:
    assert rendered_of(three()) == []
    assert len(rendered_of(three(**settings))) == 3


@pytest.mark.slow
def test_another_look_and_one_without_a_file_render_again(three: Callable[..., Delivery], look: Look) -> None:
    other = replace(look, sha256="0" * 64)
    assert len(rendered_of(three(look=other))) == 3
    assert rendered_of(three(look=other)) == []
    unsaved = replace(look, sha256="")
    assert len(rendered_of(three(look=unsaved))) == len(rendered_of(three(look=unsaved))) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({}, []),
        ({"dark": [61]}, ["002"]),
        ({"dark": [0]}, ["001"]),
        ({"loudness": 2}, ["001", "002"]),
    ],
    ids=["nothing", "a frame of a shot", "the frame that seeds a shot's grain", "the sound"],
)
def test_a_film_that_changed_renders_the_shots_that_changed(
    look: Look,
    tmp_path: Path,
    paint: Callable[..., Path],
    written: Callable[..., Path],
    change: dict[str, Any],
    new: list[str],
) -> None:
    edl, path = written(tmp_path / "cut.edl", [(20, 23), (60, 63)]), tmp_path / "film.mov"
    for settings in ({}, change):
        paint(path, **settings)
        delivery = render_cut_list(path, look, tmp_path / "shots", edl, settings=RenderSettings())
    assert [name[:3] for name in rendered_of(delivery)] == new


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


def test_a_shot_left_on_the_way_to_its_new_name_is_made_anew(three: Callable[..., Delivery], tmp_path: Path) -> None:
    """The job died while it gave shots new numbers; a file of that name that is not ours stays."""
    first = three()
    path = first.shot_files[0].path
    path.rename(path.with_name(f"{path.name}.part"))
    assert rendered_of(three()) == [path.name]
    assert not path.with_name(f"{path.name}.part").exists()
    path.with_name(f"{path.name}.part").write_text("mine")
    path.unlink()
    with pytest.raises(UsageError, match="was not made by relook"):
        three()
    assert path.with_name(f"{path.name}.part").read_text() == "mine"


def test_what_was_done_before_a_stop_is_kept(
    film: Path, look: Look, tmp_path: Path, written: Callable[..., Path]
) -> None:
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


@pytest.mark.parametrize(
    "name",
    ["../../out", "/etc/passwd", "..", "a/b\\c", "na\u00efve \u6620\u753b", "x" * 300, "\u6620" * 300, ".", "\n"],
)
def test_a_clip_s_name_leads_nowhere(name: str) -> None:
    made = shot_files.shot_name("003", name)
    assert made.startswith("003") and len(made.encode()) < 150 and not set(made) & set("/\\\n\0") and ".." not in made
