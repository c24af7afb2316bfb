"""Writing: whole or not at all, and what cannot be written is refused before any work."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from relook.errors import DivergedError, InputError, LockedError, ResourceError, UsageError
from relook.film.container.codecs import plan_film
from relook.film.container.encoder import Encoder, Origin
from relook.film.container.film_file import read_back
from relook.film.container.inventory import inventory
from relook.film.container.joining import join
from relook.film.container.tracks import Tracks
from relook.film.frames import WriteSettings
from relook.film.output_place import check_output
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter


def test_the_same_film_gives_the_same_file(make_film: Any, draw: Any, tmp_path: Path, render: Any) -> None:
    source = make_film("in.mkv", draw(20, 96, 64), pixel_format="yuv420p", sounds=("aac",))
    for name in ("a.mp4", "b.mp4", "a.mkv", "b.mkv"):
        render(source, tmp_path / name)
    for ending in ("mp4", "mkv"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("name", ["o.mkv", "o.mp4"])
def test_a_file_that_does_not_read_back_is_noticed(make_film: Any, draw: Any, tmp_path: Path, name: str) -> None:
    source = make_film("in.mkv", draw(24, 64, 48), pixel_format="yuv420p", sounds=("aac",))
    path, coded = tmp_path / name, tmp_path / "coded"
    with FilmReader(source) as reader:
        info, frames = reader.info, list(reader.frames())
    plan, found = plan_film(path, info), inventory(info)
    encoder = Encoder(coded, plan, found, Origin(0, 0, 0, untouched=False), whole=True, done=0)
    for frame in frames:
        encoder.encode(frame, untouched=False)
    pictures, _ = encoder.finish()
    joined = join(path, [(coded, pictures)], plan, found, whole=True, tracks=Tracks(source))
    assert read_back(path, joined, [pictures]) is None
    assert read_back(path, replace(joined, stamps=(*joined.stamps, 99_999)), [pictures]) == "24 of 25 frames"
    late = replace(joined, stamps=(*joined.stamps[:-1], joined.stamps[-1] + 9))
    assert "frame 23 is at" in str(read_back(path, late, [pictures]))
    ((stream, (count, size, _)),) = joined.tracks.items()
    for told, words in (((count, size, "0"), "is not what was written"), ((count + 1, size + 1, "0"), "sound packets")):
        assert words in str(read_back(path, replace(joined, tracks={stream: told}), [pictures]))
    if pictures.decoded:
        assert "frames 0 to 23" in str(read_back(path, joined, [replace(pictures, decoded="0")]))
    assert bool(pictures.decoded) == (name == "o.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert read_back(path, joined, [pictures]) is not None


def test_a_file_spoilt_while_it_is_written_is_not_published(tmp_path: Path, numbered: Any) -> None:
    info, frames = numbered(40, 96, 64)
    with pytest.raises(ResourceError, match="read back whole"), FilmWriter(tmp_path / "o.mov", info) as writer:
        for frame in frames:
            writer.write(frame)
            for coded in (tmp_path / "o.mov.part").glob("*.pictures"):
                if frame.index > 30 and coded.stat().st_blocks:
                    os.truncate(coded, 0)
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_used_are_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(2, 64, 48), pixel_format="yuv420p")
    info = probe(source)
    (tmp_path / "there.mkv").write_bytes(b"mine")
    (tmp_path / "folder.mkv").mkdir()
    (tmp_path / "link.mkv").symlink_to(source)
    (tmp_path / "dangling.mkv").symlink_to(tmp_path / "gone.mkv")
    os.link(source, tmp_path / "hard.mkv")
    before = {name: (tmp_path / name).lstat().st_mtime_ns for name in os.listdir(tmp_path)}
    for name, overwrite, words in (
        ("none/out.mkv", True, "there is no folder"),
        ("there.mkv", False, "exists; give another name, or --overwrite"),
        ("dangling.mkv", False, "exists"),
        ("folder.mkv", True, "it is a folder"),
        ("in.mkv", True, "is the film that is being read"),
        ("link.mkv", True, "is the film that is being read"),
        ("hard.mkv", True, "is the film that is being read"),
        ("out.xyz", True, r"end the name in \.mp4"),
        ("out", True, r"'out\.####\.png'"),
        ("out.png", True, r"'out\.####\.png'"),
        ("none/out.####.png", True, "there is no folder"),
    ):
        with pytest.raises(UsageError, match=words):
            check_output(tmp_path / name, info, overwrite=overwrite)
    with pytest.raises(UsageError, match="no codec 'divx'; choose one of h264"):
        check_output(tmp_path / "o.mkv", info, WriteSettings(codec="divx"), overwrite=False)
    with pytest.raises(UsageError, match="DNxHR cannot hold 64 x 48"):
        check_output(tmp_path / "o.mxf", info, overwrite=False)
    check_output(tmp_path / "there.mkv", info, overwrite=True)
    assert {name: (tmp_path / name).lstat().st_mtime_ns for name in os.listdir(tmp_path)} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    info = probe(make_film("in.mkv", draw(2, 64, 48)))
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="no permission"):
        check_output(tmp_path / "locked" / "o.mkv", info, overwrite=False)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.####.png"])
def test_an_error_leaves_nothing(tmp_path: Path, name: str, numbered: Any) -> None:
    info, frames = numbered(3, 64, 48)
    (tmp_path / "o.mp4").write_bytes(b"the old one")
    with pytest.raises(RuntimeError, match="stop"), FilmWriter(tmp_path / name, info, overwrite=True) as writer:
        writer.write(frames[0])
        raise RuntimeError("stop")
    with pytest.raises(DivergedError, match="frame 1"), FilmWriter(tmp_path / name, info, overwrite=True) as writer:
        for frame in frames:
            writer.write(replace(frame, pixels=frame.pixels / (frame.index != 1)))
    with pytest.raises(InputError, match="no frame was given"), FilmWriter(tmp_path / name, info, overwrite=True):
        pass
    with FilmWriter(tmp_path / name, info, overwrite=True) as writer:
        writer.write(frames[0])
        writer.discard()
    assert os.listdir(tmp_path) == ["o.mp4"]
    assert (tmp_path / "o.mp4").read_bytes() == b"the old one"


def test_pictures_of_another_size_are_refused(tmp_path: Path, numbered: Any) -> None:
    info, frames = numbered(2, 64, 48)
    with pytest.raises(InputError, match=r"frame 1 .* is 32 x 48"), FilmWriter(tmp_path / "o.mkv", info) as writer:
        writer.write(frames[0])
        writer.write(replace(frames[1], pixels=frames[1].pixels[..., :32]))
    assert os.listdir(tmp_path) == []


def test_a_second_writer_of_the_same_output_is_refused(tmp_path: Path, numbered: Any) -> None:
    info, frames = numbered(1, 64, 48)
    for name in ("o.mkv", "o.####.png"):
        with FilmWriter(tmp_path / name, info) as writer:
            writer.write(frames[0])
            with pytest.raises(LockedError, match="another job is writing"):
                FilmWriter(tmp_path / name, info)
    assert sorted(os.listdir(tmp_path)) == ["o.1001.png", "o.mkv"]


def test_what_a_killed_job_left_is_taken_over(tmp_path: Path, pixels: Any, numbered: Any) -> None:
    info, frames = numbered(1, 64, 48)
    (tmp_path / "o.mkv.part").mkdir()
    (tmp_path / "o.mkv.part" / "000000.pictures").write_bytes(b"half" * 100_000)
    (tmp_path / "o.####.png.part" / "pictures").mkdir(parents=True)
    (tmp_path / "o.####.png.part" / "pictures" / "o.1009.png").touch()
    for name in ("o.mkv", "o.####.png"):
        with FilmWriter(tmp_path / name, info) as writer:
            writer.write(frames[0])
    assert sorted(os.listdir(tmp_path)) == ["o.1001.png", "o.mkv"]
    assert torch.equal(pixels(tmp_path / "o.mkv")[0], frames[0].pixels)


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """Limit the size of files in a process of its own: the nearest thing to a full disk that needs no rights."""
    script = textwrap.dedent(
        f"""
        import resource, torch
        from fractions import Fraction
        from pathlib import Path
        from relook.errors import ResourceError
        from relook.film.frames import FilmInfo, Frame
        from relook.film.writer import FilmWriter

        info = FilmInfo(Path("none.mkv"), "stills", 320, 240, Fraction(24), Fraction(1, 24), 8, "bgr0")
        noise = torch.rand(3, 240, 320, generator=torch.Generator().manual_seed(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        for name in ("o.mp4", "o.mkv", "o.mov", "o.####.png"):
            try:
                with FilmWriter(Path({str(tmp_path)!r}, name), info) as writer:
                    for index in range(12):
                        writer.write(Frame(index, index, 1, noise.roll(index, -1)))
            except ResourceError as error:
                print(name, "refused:", error)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.count("refused: cannot write") == 4, done.stdout + done.stderr
    assert os.listdir(tmp_path) == []
