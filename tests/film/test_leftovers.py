"""What stands beside an output, or in its place, and is not ours, stays; what is ours and of no use goes."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from relook import faults
from relook.errors import InputChangedError, ResourceError, UsageError
from relook.film.frames import Frame, Mending, WriteSettings
from relook.film.identity import Watched, watch
from relook.film.journal import Journal, clear_leftover, was_being_shown
from relook.film.part import Part
from relook.film.publish import receipt_of, write_whole
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter, Job, Written

NUM_FRAMES = 6


@pytest.fixture
def film(make_film: Callable[..., Path]) -> Path:
    random = np.random.default_rng(0)
    return make_film("film.mkv", [random.integers(0, 255, (24, 32, 3), np.uint8) for _ in range(NUM_FRAMES)])


def write(
    film: Path, output: Path, *, key: str | None = "key", meanwhile: Callable[[], object] = lambda: None
) -> Written:
    """Write the film's frames that are not there yet."""
    with FilmReader(film) as reader:
        frames: list[Frame] = list(reader.frames())
        job = Job(key, Watched([film]), lambda written: b"{}", num_frames=len(frames)) if key else None
        with FilmWriter(output, reader.info, job=job) as writer:
            for frame in frames[writer.num_done :]:
                writer.write(frame)
            meanwhile()
    return writer.written


def fail(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(faults, "_reached", Counter())
    monkeypatch.setenv(faults.VARIABLE, fault)


def broken_off(film: Path, output: Path, fault: str) -> None:
    """Let a full disk break off a job."""
    with pytest.MonkeyPatch.context() as patch:
        fail(patch, fault)
        with pytest.raises(ResourceError):
            write(film, output)


@pytest.mark.parametrize("name", ["o.mov", "o.####.png"])
def test_a_folder_or_a_file_that_is_not_ours_is_left_alone(film: Path, tmp_path: Path, name: str) -> None:
    part = tmp_path / f"{name}.part"
    part.mkdir()
    (part / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"\.part was not made by relook"):
        write(film, tmp_path / name)
    assert (part / "notes.txt").read_text() == "mine"
    shutil.rmtree(part)
    part.write_text("half a download")
    with pytest.raises(UsageError, match=r"\.part was not made by relook"):
        write(film, tmp_path / name)
    assert part.read_text() == "half a download"


def test_what_came_into_the_place_of_an_announced_film_is_not_replaced(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mov"
    broken_off(film, output, "publish.replace:full:1")
    assert was_being_shown(output, "key")
    output.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        write(film, output)
    assert output.read_text() == "mine"
    output.unlink()
    broken_off(film, output, "publish.name:full:1")
    write(film, output)
    assert sorted(os.listdir(tmp_path)) == ["film.mkv", "o.mov", "o.mov.receipt.json"]


def test_what_came_into_the_place_of_announced_pictures_is_not_replaced(film: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / "o.####.png"
    broken_off(film, output, "publish.picture:full:3")
    assert was_being_shown(output, "key")
    (tmp_path / "out" / "o.1005.png").write_text("mine")
    with pytest.raises(UsageError, match="exist"):
        write(film, output)
    assert (tmp_path / "out" / "o.1005.png").read_text() == "mine"


def test_pictures_that_came_meanwhile_are_not_replaced(film: Path, tmp_path: Path) -> None:
    mine = tmp_path / "o.1003.png"
    with pytest.raises(UsageError, match=r"o\.1003\.png exists"):
        write(film, tmp_path / "o.####.png", meanwhile=lambda: mine.write_text("mine"))
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["o.1003.png"]


def test_work_is_kept_where_something_came_into_its_place(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mov"
    with pytest.raises(UsageError, match="exists"):
        write(film, output, meanwhile=lambda: output.write_text("mine"))
    output.unlink()
    with pytest.raises(UsageError, match="exists"):
        write(film, output, meanwhile=lambda: output.write_text("mine"))
    output.unlink()
    assert (tmp_path / "o.mov.part" / "journal.jsonl").read_text().count('"stop"') == 1
    write(film, output)
    assert output.stat().st_size > 100


def test_a_receipt_of_another_job_is_not_shown(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mov"
    broken_off(film, output, "journal.announce:full:1")
    write(film, output, key=None)
    assert not receipt_of(output).exists()


def test_a_writer_that_cannot_begin_lets_go_of_its_place(film: Path, tmp_path: Path) -> None:
    broken_off(film, tmp_path / "o.mov", "whole.sync:full:1")
    assert os.listdir(tmp_path) == ["film.mkv"]
    write(film, tmp_path / "o.mov")


def test_a_small_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "x.json.part").symlink_to(tmp_path / "victim")
    write_whole(tmp_path / "x.json", b"new")
    assert (tmp_path / "victim").read_text() == "mine" and (tmp_path / "x.json").read_bytes() == b"new"


def test_room_is_asked_for_by_what_was_written(tmp_path: Path) -> None:
    """Files that hold nothing but say that they are large."""
    part = Part(tmp_path / "o.####.png", folder=tmp_path)
    Journal(part, "key")
    large = shutil.disk_usage(tmp_path).total * 2
    for number, size in enumerate((0, 10, large)):
        (part.made / f"o.{number}.png").touch()
        os.truncate(part.made / f"o.{number}.png", size)
        if size < large:
            part.require_room(0.5, [f"pictures/o.{number}.png"])
    part.require_room(0.5, [])  # what nobody has told of is not looked for: that would take longer the more there is
    with pytest.raises(ResourceError, match="GB more"):
        part.require_room(0.5, ["pictures/o.2.png"])
    part.clear()


def test_of_many_files_few_are_looked_at_in_between(tmp_path: Path) -> None:
    files = [tmp_path / f"{number:03d}" for number in range(100)]
    for file in files:
        file.write_bytes(file.name.encode())
    watched = Watched(files)
    files[1].unlink()
    watched.look_again()
    with pytest.raises(InputChangedError, match="001 is gone"):
        watched.require_unchanged()
    os.utime(files[0])
    with pytest.raises(InputChangedError, match="000 was changed"):
        watched.look_again()


@pytest.mark.parametrize("named", ["p.####.png", ""])
def test_IN18_a_picture_that_comes_late_is_a_change_of_the_take(named: str, tmp_path: Path) -> None:
    for number in range(1001, 1005):
        cv2.imwrite(str(tmp_path / f"p.{number}.png"), np.zeros((16, 16, 3), np.uint8))
    watched = watch(probe(tmp_path / named))
    (tmp_path / "other.1005.png").write_bytes(b"")
    watched.require_unchanged()
    (tmp_path / "p.1006.png").write_bytes(b"")
    with pytest.raises(InputChangedError, match=r"p\.1006\.png appeared"):
        watched.require_unchanged()


@pytest.mark.parametrize("leaves", [1, 0])
def test_what_is_left_of_a_job_that_had_shown_all_is_cleared(film: Path, tmp_path: Path, leaves: int) -> None:
    output = tmp_path / "o.mov"
    broken_off(film, output, "publish.name:full:1")
    part = tmp_path / "o.mov.part"
    if not leaves:
        (part / "journal.jsonl").unlink()
    clear_leftover(output, "another")
    assert part.exists() == bool(leaves)
    clear_leftover(output, "key")
    assert not part.exists()


def test_sound_that_was_left_out_is_told_though_the_job_died_when_all_was_shown(
    make_film: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    codes = [random.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(48)]
    film = make_film(
        "a.ts", codes, options={"threads": "1"}, encoder="libx264", pixel_format="yuv420p", sounds=("aac",)
    )
    data = bytearray(film.read_bytes())
    for place in [place for place in range(len(data) - 1) if data[place : place + 2] == b"\xff\xf1"][40:44]:
        data[place + 2] = 0xFF
    film.write_bytes(data)

    def lost(output: Path) -> int:
        with FilmReader(film, Mending(keeps_damage=True)) as reader:
            job = Job("key", Watched([film]), lambda written: b"{}")
            with FilmWriter(output, reader.info, WriteSettings(keeps_damage=True), job=job) as writer:
                for frame in list(reader.frames())[writer.num_done :]:
                    writer.write(frame)
        return writer.written.num_lost_packets

    with pytest.MonkeyPatch.context() as patch:
        fail(patch, "publish.name:full:1")
        with pytest.raises(ResourceError):
            lost(tmp_path / "o.mp4")
    assert lost(tmp_path / "o.mp4") == lost(tmp_path / "whole.mp4") > 0
