"""Pictures found on disk: patterns, folders, holes, and what is one take."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import InputError
from relook.film.sequence import (
    ends_of,
    find_footage,
    find_pictures,
    is_pattern,
    numbered_name,
    numbers_in,
    pattern_of,
)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@settings(max_examples=40)
@given(
    start=st.integers(0, 20_000),
    count=st.integers(2, 12),
    padding=st.integers(1, 6),
    prefix=st.sampled_from(["", "v2_", "a.b."]),
)
def test_a_take_is_found_in_order_by_every_form(start: int, count: int, padding: int, prefix: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        names = [f"{prefix}{number:0{padding}d}.png" for number in range(start, start + count)]
        touch(folder, *reversed(names), "notes.txt", ".hidden.png")
        wanted = tuple(folder / name for name in names)
        patterns = [folder / f"{prefix}{place}.png" for place in (f"%0{padding}d", "#" * padding, "@" * padding)]
        for form in (folder, *patterns):
            assert find_pictures(form) == ("sequence", wanted)
        for pattern in patterns:
            assert [numbered_name(pattern, start + index) for index in range(count)] == names
        assert numbers_in(folder, wanted) == list(range(start, start + count))


@settings(max_examples=150)
@given(
    start=st.integers(-12, 3) | st.integers(0, 20_000),
    count=st.integers(2, 9),
    padding=st.integers(1, 6),
    before=st.sampled_from(
        [
            "",
            "s01_sh020_v003.",
            "a b.",
            "100% done.",
            "me@home #2.",
            "50%d.",
            "take #1_",
            ".",
            "x-",
            "Ünï (1)_",
            "[a]+.",
        ]
    ),
    after=st.sampled_from(["", "_left", " copy", ".beauty", "%"]),
)
def test_names_give_back_their_pattern(start: int, count: int, padding: int, before: str, after: str) -> None:
    """Pattern to names to pattern, for every way to write it; the numbers come back as they were, negative ones too."""
    before = before if start >= 0 or before[-1:] in ("", ".", "_") else before + "."
    before = "s" + before if before == "." else before  # else it is hidden
    numbers = list(range(start, start + count))
    with tempfile.TemporaryDirectory() as made:
        folder, names = Path(made), []
        for place in ("#" * padding, "@" * padding, f"%0{padding}d"):
            pattern = folder / f"{before}{place}{after}.png"
            names = [numbered_name(pattern, number) for number in numbers]
            assert names == [f"{before}{number:0{padding}d}{after}.png" for number in numbers]
            touch(folder, *names)
            assert is_pattern(pattern)
            kind, found = find_pictures(pattern)
            assert (kind, [picture.name for picture in found]) == ("sequence", names)
            assert numbers_in(pattern, found) == numbers
        assert [picture.name for picture in find_pictures(folder)[1]] == names
        assert numbers_in(folder, find_pictures(folder)[1]) == numbers


def test_a_dash_after_a_letter_is_no_sign(tmp_path: Path) -> None:
    names = [f"shot-{number:03d}.png" for number in range(3)]
    touch(tmp_path, *names)
    for form in (tmp_path, tmp_path / "shot-###.png"):
        assert [picture.name for picture in find_pictures(form)[1]] == names
        assert numbers_in(form, find_pictures(form)[1]) == [0, 1, 2]
    with pytest.raises(InputError, match="no picture matches"):
        find_pictures(tmp_path / "shot###.png")


@pytest.mark.parametrize("after", [".v2", ".L1", ".v2.3d"])
def test_a_number_behind_the_frame_number_is_not_taken_for_it(tmp_path: Path, after: str) -> None:
    names = [f"p.{number:04d}{after}.png" for number in (-1, 0, 1)]
    touch(tmp_path, *names, f"q.0001{after}.jpg")
    for form in (tmp_path / f"p.####{after}.png", tmp_path / names[0]):
        kind, found = find_pictures(form)
        assert (kind, [picture.name for picture in found]) == ("sequence", names)
    assert find_pictures(tmp_path / names[1])[0] == "stills"
    (tmp_path / f"q.0001{after}.jpg").unlink()
    kind, found = find_pictures(tmp_path)
    assert (kind, numbers_in(tmp_path, found), ends_of(tmp_path, found)) == ("sequence", [-1, 0, 1], (-1, 1))
    assert pattern_of(found) == f"p.####{after}.png"


def test_how_numbered_pictures_are_written_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "p.1001.exr", "p.1002.exr")
    for name in ("p.<f>.exr", "p.[1001-1002].exr", "p.$F4.exr"):
        with pytest.raises(InputError, match=r"written as plate\.####\.exr"):
            find_pictures(tmp_path / name)


def test_case_does_not_divide_a_take(tmp_path: Path) -> None:
    names = ["S.1001.EXR", "s.1002.exr", "s.1003.Exr"]
    touch(tmp_path, *names)
    for form in (tmp_path, tmp_path / "s.####.exr", tmp_path / "S.1001.EXR"):
        assert find_pictures(form) == ("sequence", tuple(tmp_path / name for name in names))
    touch(tmp_path, "s.1001.exr")
    for form in (tmp_path, tmp_path / "s.####.exr", tmp_path / "s.1001.exr"):
        with pytest.raises(InputError, match=r"two pictures numbered 1001; .*\(S\.1001\.EXR and s\.1001\.exr\)"):
            find_pictures(form)


def test_what_lies_about_does_not_count(tmp_path: Path) -> None:
    """Files of systems, programs and unfinished work, hidden ones, and folders of nothing."""
    names = [f"shot.{number}.TIF" for number in (1001, 1002)]
    about = (".DS_Store", "._shot.1001.TIF", "._shot.1003.TIF", "Thumbs.db", "shot.1003.TIF.tmp", ".shot.1004.TIF.x7Gh")
    touch(tmp_path / "take", *names, *about)
    touch(tmp_path / "none", *about)
    (tmp_path / "take" / "shot.1005.TIF").mkdir()
    (tmp_path / "empty" / "empty").mkdir(parents=True)
    wanted = tuple(tmp_path / "take" / name for name in names)
    for form in (tmp_path / "take", wanted[0]):
        assert find_pictures(form) == ("sequence", wanted)
    assert find_footage(tmp_path) == (tmp_path / "take",)
    with pytest.raises(InputError, match="holds no pictures"):
        find_pictures(tmp_path / "none")


@pytest.mark.parametrize("ending", [".TIF", ".JPG", ".EXR", ".DPX", ".Png", ".JPEG"])
def test_endings_may_be_in_capitals(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, f"a.0001{ending}", f"a.0002{ending}")
    assert len(find_pictures(tmp_path)[1]) == len(find_pictures(tmp_path / f"a.####{ending.lower()}")[1]) == 2
    assert find_footage(tmp_path) == (tmp_path,)


@settings(max_examples=40)
@given(start=st.integers(0, 20_000), count=st.integers(2, 8), padding=st.integers(1, 7), dotted=st.booleans())
def test_the_first_picture_stands_for_its_sequence(start: int, count: int, padding: int, dotted: bool) -> None:
    shape = "shot_v2.{}.png" if dotted else "A001_{}.dpx"
    with tempfile.TemporaryDirectory() as made:
        names = [shape.format(f"{number:0{padding}d}") for number in range(start, start + count)]
        folder = touch(Path(made), *names, shape.format("x"), shape.replace("0", "9").replace("v2", "v3").format(start))
        wanted = tuple(folder / name for name in names)
        assert find_pictures(wanted[0]) == ("sequence", wanted)
        for later in wanted[1:]:
            assert find_pictures(later) == ("stills", (later,))


def test_a_photograph_stands_for_itself(tmp_path: Path) -> None:
    touch(tmp_path, "DSC_0001.jpg", "DSC_0002.jpg", "p.0001.png", "p.5000.png")
    for name in ("DSC_0001.jpg", "p.0001.png"):
        assert find_pictures(tmp_path / name) == ("stills", (tmp_path / name,))


def test_the_first_picture_of_a_sequence_with_holes_names_them(tmp_path: Path) -> None:
    touch(tmp_path, *(f"s.{number}.exr" for number in (1001, 1002, 1005)))
    with pytest.raises(InputError, match=r"from 1001 to 1005 .* missing: 1003-1004;"):
        find_pictures(tmp_path / "s.1001.exr")
    touch(tmp_path, "s.01001.exr", "s.1003.exr", "s.1004.exr")
    with pytest.raises(InputError, match=r"two pictures numbered 1001; .*\(s\.01001\.exr and s\.1001\.exr\)"):
        find_pictures(tmp_path / "s.1001.exr")


@settings(max_examples=40)
@given(numbers=st.sets(st.integers(1, 40), min_size=2, max_size=30))
def test_holes_are_named(numbers: set[int]) -> None:
    """IN18."""
    missing = set(range(min(numbers), max(numbers) + 1)) - numbers
    with tempfile.TemporaryDirectory() as made:
        pattern = touch(Path(made), *(f"f_{number:04d}.jpg" for number in numbers)) / "f_####.jpg"
        if not missing:
            assert len(find_pictures(pattern)[1]) == len(numbers)
            return
        with pytest.raises(InputError) as caught:
            find_pictures(pattern)
    text = str(caught.value).rsplit("missing: ", 1)[1].split(";")[0]
    assert str(min(missing)) in text
    assert not any(f" {number}," in f" {text}," for number in numbers)


def test_holes_by_hand(tmp_path: Path) -> None:
    touch(tmp_path, *(f"f_{number:04d}.png" for number in (1, 2, 5, 6, 8)))
    with pytest.raises(InputError, match=r"from 1 to 8 .* missing: 3-4, 7; add"):
        find_pictures(tmp_path)


def test_a_huge_gap_costs_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "p.1.png", "p.900000000000.png")
    with pytest.raises(InputError, match="missing: 2-899999999999"):
        find_pictures(tmp_path / "p.#.png")


def test_two_pictures_of_one_number_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "p.1.png", "p.01.png", "p.2.png")
    with pytest.raises(InputError, match=r"two pictures numbered 1; .*\(p\.01\.png and p\.1\.png\)"):
        find_pictures(tmp_path / "p.#.png")


def test_unpadded_numbers_are_in_order(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.jpg" for number in range(1, 13)))
    assert numbers_in(tmp_path, find_pictures(tmp_path)[1]) == list(range(1, 13))


@pytest.mark.parametrize(
    "names",
    [
        ("100075.jpg", "100080.jpg", "100098.jpg"),
        ("cat.png", "dog.png"),
        ("a1.png", "b2.png"),
        ("1.png", "2.jpg"),
        ("one1.png",),
    ],
)
def test_unrelated_pictures_are_stills(tmp_path: Path, names: tuple[str, ...]) -> None:
    kind, pictures = find_pictures(touch(tmp_path, *names))
    assert (kind, [picture.name for picture in pictures]) == ("stills", sorted(names))


def test_a_name_with_a_hash_that_exists_is_a_file(tmp_path: Path) -> None:
    odd = touch(tmp_path, "take #1.png") / "take #1.png"
    assert not is_pattern(odd)
    assert find_pictures(odd) == ("stills", (odd,))


def test_footage_is_searched_for(tmp_path: Path) -> None:
    touch(tmp_path / "b" / "take", "f.001.png", "f.002.png")
    touch(tmp_path / "b", "Film.MP4", "notes.txt")
    touch(tmp_path / "a", "still.jpg", ".thumb.jpg")
    touch(tmp_path / ".cache", "old.mov")
    touch(tmp_path, "z.mkv")
    found = [path.relative_to(tmp_path).as_posix() for path in find_footage(tmp_path)]
    assert found == ["z.mkv", "a", "b/Film.MP4", "b/take"]
    assert find_footage(tmp_path / "z.mkv") == (tmp_path / "z.mkv",)
    assert find_footage(tmp_path / "b/take/f.###.png") == (tmp_path / "b/take/f.###.png",)


def test_what_holds_nothing_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "readme.txt")
    for find, path, words in (
        (find_footage, tmp_path, "no films and no pictures"),
        (find_pictures, tmp_path, "holds no pictures"),
        (find_pictures, tmp_path / "x.####.png", "no picture matches"),
        (find_pictures, tmp_path / "none" / "x.####.png", "No such file"),
        (find_pictures, tmp_path / "none.png", "no such file"),
    ):
        with pytest.raises(InputError, match=words):
            find(path)


def test_real_folders(footage: Callable[[str], Path]) -> None:
    assert find_pictures(footage("live-action/davis/parkour"))[0] == "sequence"
    assert len(find_pictures(footage("old-film/sf_earthquake_1906"))[1]) == 49
    assert find_pictures(footage("paintings/classics"))[0] == "stills"
    assert find_pictures(footage("photos/bsds500"))[0] == "stills"
    assert len(find_pictures(footage("awkward/synthetic/seq_exr_linear/plate.1001.exr"))[1]) == 4
    assert len(find_pictures(footage("awkward/synthetic/seq_dpx10_tc/A001_0086400.dpx"))[1]) == 3
    with pytest.raises(InputError, match="missing: 4-5;"):
        find_pictures(footage("awkward/synthetic/seq_gap"))
