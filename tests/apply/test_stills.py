"""Folders of stills: all of them at any depth, each by itself, and those that cannot be read are named."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import relook
from relook.apply.delivery import RenderSettings
from relook.apply.passes import assembled
from relook.apply.receipt import ALREADY_DONE
from relook.apply.render import render_film
from relook.apply.stills import render_stills
from relook.errors import InputChangedError, InputError, ResourceError, UsageError
from relook.film.pictures.picture_file import picture_pixels, read_picture
from relook.film.pictures.profile import profile_of, with_profile
from relook.film.pictures.stills import holds_stills
from relook.look import Look, load_look
from relook.progress import Progress
from relook.recipe.dials import Dials

ICC = b"\0\0\0\x90" + bytes(12) + b"RGB XYZ " + bytes(104) + bytes(16)


def paint(path: Path, *, seed: int = 0, channels: int = 3, size: tuple[int, int] = (40, 52)) -> Path:
    """Write a picture of soft shapes; a fourth channel is transparency, wholly so at the top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, channels)).astype(np.uint8)
    codes = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    if channels == 4:
        codes[:9, :, 3] = 0
    path.write_bytes(cv2.imencode(path.suffix, codes)[1].tobytes())
    return path


def files(folder: Path) -> dict[str, str]:
    """Return the hash of every file in a folder, by its place."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of stills three deep, with the same picture twice, and other things between them."""
    made = tmp_path / "in"
    paint(made / "one.png", seed=1)
    paint(made / "a" / "same.png", seed=1)
    paint(made / "a" / "b" / "c" / "Three.TIF", seed=3, channels=4, size=(33, 20))
    paint(made / "a" / "b" / "4th.jpg", seed=4)
    (made / "a" / "b" / "notes.txt").write_text("x")
    (made / "take.mp4").write_bytes(b"x")
    (made / ".hidden.png").write_bytes(b"x")
    return made


def test_every_still_keeps_its_place_and_name(worn: Look, folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    made = render_stills(folder, worn, tmp_path / "out")
    names = ["one.png", "a/same.png", "a/b/4th.jpg", "a/b/c/Three.TIF"]
    assert [str(name) for name in made.stills] == names
    assert sorted(files(tmp_path / "out")) == sorted(names)
    assert [str(name) for name in made.others] == ["take.mp4", "a/b/notes.txt"]
    assert made.refused == ()
    assert files(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "out.receipt.json"]


def test_marks_are_seeded_by_content(worn: Look, folder: Path, tmp_path: Path) -> None:
    """The same still twice is the same frame; it is that of a film of this still alone; on equal grey other stills differ."""
    made = render_stills(folder, worn, tmp_path / "out")
    by_name = dict(zip(map(str, made.stills), made.frame_hashes, strict=True))
    assert by_name["one.png"] == by_name["a/same.png"]
    alone = render_film(folder / "one.png", worn, tmp_path / "alone.png")
    assert alone.frame_hashes == (by_name["one.png"],)
    again = render_stills(folder, worn, tmp_path / "again", settings=RenderSettings(seed=1))
    assert not set(again.frame_hashes) & set(made.frame_hashes)

    pair = tmp_path / "pair"
    pair.mkdir()
    grey = np.full((64, 64, 3), 128, np.uint8)
    for name, corner in (("left.png", (0, 0)), ("right.png", (63, 63))):
        codes = grey.copy()
        codes[corner] = 129
        cv2.imwrite(str(pair / name), codes)
    dials = Dials(detail=0, vignette=0, flicker=0, weave=0, dust=0, scratches=0, unevenness=0, aperture=0)
    render_stills(pair, worn, tmp_path / "pair_out", settings=RenderSettings(dials=dials))
    left, right = (
        read_picture(tmp_path / "pair_out" / name).codes.astype(float)[8:-8, 8:-8] for name in os.listdir(pair)
    )
    assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.2
    assert left.std() > 2


def test_transparency_and_profile_are_kept(worn: Look, tmp_path: Path) -> None:
    source = paint(tmp_path / "in" / "deep" / "still.png", channels=4)
    source.write_bytes(with_profile(source.read_bytes(), ICC) or b"")
    for made in (tmp_path / "out" / "deep" / "still.png", tmp_path / "single.png"):
        if made.parent == tmp_path:
            render_film(source, worn, made)
        else:
            render_stills(tmp_path / "in", worn, tmp_path / "out")
        before, after = read_picture(source), read_picture(made)
        assert np.array_equal(after.codes[..., 3], before.codes[..., 3])
        assert not np.array_equal(after.codes[..., :3], before.codes[..., :3])
        assert profile_of(made.read_bytes(), made) == ICC


def test_colours_do_not_depend_on_transparency(worn: Look, tmp_path: Path) -> None:
    """Below any transparency the colours are what the look makes of them, without a border to what is opaque."""
    shown = read_picture(paint(tmp_path / "in" / "clear.png", channels=4)).codes
    cv2.imwrite(str(tmp_path / "in" / "solid.png"), np.ascontiguousarray(shown[..., :3]))
    render_stills(tmp_path / "in", worn, tmp_path / "out", settings=RenderSettings(dials=Dials(texture=0)))
    clear, solid = (read_picture(tmp_path / "out" / name).codes for name in ("clear.png", "solid.png"))
    assert np.array_equal(clear[..., :3], solid)


def test_what_cannot_be_read_is_named_and_the_rest_is_done(worn: Look, folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "empty.png").write_bytes(b"")
    whole = (folder / "one.png").read_bytes()
    (folder / "a" / "broken.webp").write_bytes(whole[:100])
    shutil.copy(paint(tmp_path / "rgba.png", channels=4), folder / "clear.png")
    (folder / "a" / "clear.bmp").write_bytes(
        cv2.imencode(".bmp", read_picture(folder / "clear.png").codes)[1].tobytes()
    )
    made = render_stills(folder, worn, tmp_path / "out")
    reasons = {str(path): reason for path, reason in made.refused}
    assert sorted(reasons) == ["a/broken.webp", "a/clear.bmp", "a/empty.png"]
    assert "damaged" in reasons["a/empty.png"]
    assert "transparency" in reasons["a/clear.bmp"]
    assert len(made.stills) == 5
    assert sorted(files(tmp_path / "out")) == sorted(map(str, made.stills))


def test_links_and_pipes_are_named(worn: Look, folder: Path, tmp_path: Path) -> None:
    """A link to a folder above would never end, and nor would a pipe."""
    (folder / "a" / "round").symlink_to(folder)
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "linked.png").symlink_to(folder / "one.png")
    os.mkfifo(folder / "pipe.png")
    made = render_stills(folder, worn, tmp_path / "out")
    assert {str(path): reason.split(":")[0].split(";")[0] for path, reason in made.refused} == {
        "a/round": "it is a link to a folder",
        "gone.png": f"cannot open {folder / 'gone.png'}",
        "pipe.png": "it is no file but a pipe or a device",
    }
    assert len(made.stills) == 5


def test_nothing_to_do_is_an_error_and_leaves_nothing(worn: Look, tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.txt").write_text("x")
    with pytest.raises(InputError, match="no pictures"):
        render_stills(tmp_path / "in", worn, tmp_path / "out")
    (tmp_path / "in" / "a" / "x.png").write_text("x")
    with pytest.raises(InputError, match=r"no picture in .* damaged"):
        render_stills(tmp_path / "in", worn, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_dials_at_zero_copy_the_files(worn: Look, folder: Path, tmp_path: Path) -> None:
    made = render_stills(folder, worn, tmp_path / "out", settings=RenderSettings(dials=Dials(strength=0)))
    copied, source = files(tmp_path / "out"), files(folder)
    assert copied == {str(name): source[str(name)] for name in made.stills}


def test_nothing_is_overwritten_unasked(worn: Look, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    paint(out / "a" / "same.png", seed=9)
    (out / "a" / "other.txt").write_text("mine")
    before = files(out)
    with pytest.raises(UsageError, match=r"1 stills exist already.*same\.png"):
        render_stills(folder, worn, out)
    assert files(out) == before
    render_stills(folder, worn, out, settings=RenderSettings(overwrite=True))
    after = files(out)
    assert after["a/same.png"] != before["a/same.png"]
    assert after["a/other.txt"] == before["a/other.txt"]
    assert len(after) == 5
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize("output", ["in", "in/a", "in/new", ".", "gone/out", "file.txt"])
def test_a_place_that_cannot_be_is_refused(worn: Look, folder: Path, tmp_path: Path, output: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    before = files(tmp_path)
    with pytest.raises(UsageError):
        render_stills(folder, worn, tmp_path / output)
    assert files(tmp_path) == before


def test_a_part_left_behind_is_taken_over(worn: Look, folder: Path, tmp_path: Path) -> None:
    paint(tmp_path / "out.part" / "pictures" / "x" / "left.png")
    made = render_stills(folder, worn, tmp_path / "out")
    assert len(files(tmp_path / "out")) == len(made.stills)


def test_AP11_a_still_that_is_changed_while_stills_are_rendered(worn: Look, folder: Path, tmp_path: Path) -> None:
    def change(progress: Progress) -> None:
        if progress.done == 3:
            paint(folder / "one.png", seed=5)

    with pytest.raises(InputChangedError, match=r"one\.png was changed"):
        render_stills(folder, worn, tmp_path / "out", on_progress=change)
    assert not (tmp_path / "out").exists()


def test_a_still_that_came_meanwhile_is_not_replaced(worn: Look, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def add(progress: Progress) -> None:
        if progress.done == 3:
            paint(out / "a" / "same.png", seed=9)

    with pytest.raises(UsageError, match=r"same\.png exists"):
        render_stills(folder, worn, out, on_progress=add)
    assert list(files(out)) == ["a/same.png"]


def test_a_full_disk_leaves_nothing(worn: Look, folder: Path, tmp_path: Path) -> None:
    """A limit on the size of files fails as a full disk does."""
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(ResourceError):
            render_stills(folder, worn, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_what_counts_as_stills(tmp_path: Path) -> None:
    paint(tmp_path / "take" / "p.1.png")
    paint(tmp_path / "take" / "p.2.png")
    assert not holds_stills(tmp_path / "take")
    assert not holds_stills(tmp_path / "take" / "p.1.png")
    assert holds_stills(tmp_path)
    paint(tmp_path / "take" / "logo.png")
    assert holds_stills(tmp_path / "take")


def test_a_take_among_stills_is_told(worn: Look, folder: Path, tmp_path: Path) -> None:
    """Its sub-folder is named, with how to render it; two photographs far apart, one picture and textures are no takes."""
    for number in (1001, 1002, 1003):
        paint(folder / "a" / "plate" / f"p.{number}.png", seed=number)
    for number in (1, 90):
        paint(folder / "photographs" / f"DSC_{number:04d}.png", seed=number)
    made = render_stills(folder, worn, tmp_path / "out")
    assert len(made.stills) == 9
    (note,) = made.notes
    assert note.startswith("a/plate has 3 pictures numbered as one take")
    assert f"{folder / 'a' / 'plate'} -o {tmp_path / 'out_plate'}" in note
    taken = render_film(folder / "a" / "plate", worn, tmp_path / "out_plate")
    assert len(taken.frame_hashes) == 3
    assert render_stills(folder, worn, tmp_path / "tiles", settings=RenderSettings(wrap="xy")).notes == ()


def test_files_of_systems_do_not_count(worn: Look, folder: Path, tmp_path: Path) -> None:
    for name in (".DS_Store", "._one.png", "a/._4th.jpg", "Thumbs.db", "a/desktop.ini"):
        (folder / name).write_bytes(b"x")
    (folder / "a" / "nothing").mkdir()
    made = render_stills(folder, worn, tmp_path / "out")
    assert (len(made.stills), made.refused) == (4, ())
    assert [str(name) for name in made.others] == ["take.mp4", "a/b/notes.txt"]


def test_metadata_is_kept_or_told(worn: Look, tmp_path: Path) -> None:
    """A camera's JPEG keeps its EXIF; the further pictures that phones put into the file are told by name, once in a take."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0Leo\0\0\0\0\0"
    for name in ("in/p.1.jpg", "in/p.2.jpg", "stills/deep/a.jpg"):
        data = paint(tmp_path / name).read_bytes()
        said = (
            b"\xff" + mark + struct.pack(">H", len(body) + 2) + body
            for mark, body in ((b"\xe1", exif), (b"\xe2", b"MPF\0"))
        )
        (tmp_path / name).write_bytes(data[:2] + b"".join(said) + data[2:])
    words = "further pictures in the file (MPF): left out (.jpg cannot hold it)"
    stills = render_stills(tmp_path / "stills", worn, tmp_path / "out")
    assert stills.left_out == (f"deep/a.jpg: {words}",)
    take = render_film(tmp_path / "in", worn, tmp_path / "o.####.jpg")
    assert words in take.left_out
    for made in (tmp_path / "out" / "deep" / "a.jpg", tmp_path / "o.0002.jpg"):
        assert exif in made.read_bytes()
        assert b"MPF" not in made.read_bytes()
    flat = render_film(tmp_path / "in", worn, tmp_path / "o.####.bmp")
    assert "EXIF: left out (.bmp cannot hold it)" in flat.left_out


def test_numbers_of_a_take_come_from_its_pattern(worn: Look, tmp_path: Path) -> None:
    """Another number behind the frame's own must not make all frames one file; negative frames keep their sign."""
    for number in (-1, 0, 1):
        paint(tmp_path / "in" / f"p.{number:04d}.v2.png", seed=number + 1)
    render_film(
        tmp_path / "in" / "p.####.v2.png",
        worn,
        tmp_path / "o.####.png",
        settings=RenderSettings(dials=Dials(texture=0)),
    )
    assert sorted(path.name for path in tmp_path.glob("o.*.png")) == ["o.-001.png", "o.0000.png", "o.0001.png"]


def test_passes_are_called_after_their_still_and_lie_as_it_does(worn: Look, folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "same.jpg").write_bytes(b"damaged")
    made = render_stills(folder, worn, tmp_path / "out", settings=RenderSettings(passes=tmp_path / "layers"))
    assert [str(refused.path) for refused in made.refused] == ["a/same.jpg"]
    looks = {str(path.relative_to(tmp_path / "layers")) for path in (tmp_path / "layers").rglob("*.look.tif")}
    assert looks == {f"{name}.look.tif" for name in made.stills}
    entries = json.loads((tmp_path / "layers" / "frames.json").read_text())["frames"]
    assert [(entry["frame"], entry["still"]) for entry in entries] == [(n, str(s)) for n, s in enumerate(made.stills)]
    for number, name in enumerate(made.stills):
        rendered = picture_pixels(read_picture(tmp_path / "out" / name))
        if name.suffix.lower() != ".jpg":
            assert (assembled(tmp_path / "layers", number) - rendered).abs().max() <= 0.51 / 255


def render_in_child(folder: Path, look: Path, output: Path, fault: str) -> None:
    """Render as a process of its own that may be killed."""
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    render_stills(folder, load_look(look), output)


@pytest.mark.parametrize(
    "fault",
    [
        "stretch.still:kill:3",
        *(
            pytest.param(f, marks=pytest.mark.slow)
            for f in ("journal.line:kill:2", "publish.folder:kill:1", "receipt.replace:kill:1")
        ),
    ],
)
def test_AP01_stills_that_were_killed_go_on(
    fault: str, starter: Any, look_file: Path, folder: Path, tmp_path: Path
) -> None:
    whole = render_stills(folder, load_look(look_file), tmp_path / "whole")
    child = starter.Process(target=render_in_child, args=(folder, look_file, tmp_path / "out", fault))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    again = render_stills(folder, load_look(look_file), tmp_path / "out")
    assert replace(again, output=whole.output, notes=whole.notes) == whole
    assert files(tmp_path / "out") == files(tmp_path / "whole") and not (tmp_path / "out.part").exists()


def test_stills_that_were_broken_off_go_on(
    look: Look, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is missing is rendered; the same command on finished ones leaves them (AP01, AP08)."""
    (folder / "a" / "spoilt.png").write_bytes(b"spoilt")
    whole = render_stills(folder, look, tmp_path / "whole")
    monkeypatch.setattr("relook.faults._reached", Counter())
    monkeypatch.setenv("RELOOK_FAIL", "stretch.still:full:3")
    with pytest.raises(ResourceError):
        render_stills(folder, look, tmp_path / "out")
    monkeypatch.delenv("RELOOK_FAIL")
    assert not (tmp_path / "out").exists()
    rendered: list[float] = []
    again = render_stills(folder, look, tmp_path / "out", on_progress=lambda p: rendered.append(p.done))
    assert rendered[0] == 3 and replace(again, output=whole.output, refused=whole.refused) == whole
    assert files(tmp_path / "out") == files(tmp_path / "whole") and not (tmp_path / "out.part").exists()
    assert all(not finding.fault for finding in relook.verify(tmp_path / "out", source=folder))
    assert render_stills(folder, look, tmp_path / "out").notes == (*again.notes, ALREADY_DONE)
    made = tmp_path / "out" / again.stills[1]
    made.write_bytes(made.read_bytes()[:-1])
    (wrong,) = [finding for finding in relook.verify(tmp_path / "out", source=folder) if finding.fault]
    assert (wrong.what, wrong.name) == ("output", str(again.stills[1]))
