"""Folders of stills: all of them at any depth, each by itself, and those that cannot be read are named."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import cv2
import numpy as np

from relook.apply.delivery import RenderSettings
from relook.apply.passes import assembled
from relook.apply.render import render_film
from relook.apply.stills import render_stills
from relook.film.pictures.picture_file import picture_pixels, read_picture
from relook.film.pictures.profile import profile_of, with_profile
from relook.film.pictures.stills import holds_stills
from relook.look import Look
from relook.recipe.dials import Dials
from tests.apply.painted_stills import files, paint

ICC = b"\0\0\0\x90" + bytes(12) + b"RGB XYZ " + bytes(104) + bytes(16)


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
        "pipe.png": "it is a pipe or a device, not a file",
    }
    assert len(made.stills) == 5


def test_dials_at_zero_copy_the_files(worn: Look, folder: Path, tmp_path: Path) -> None:
    made = render_stills(folder, worn, tmp_path / "out", settings=RenderSettings(dials=Dials(strength=0)))
    copied, source = files(tmp_path / "out"), files(folder)
    assert copied == {str(name): source[str(name)] for name in made.stills}


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
