"""`--colour-space` of `apply`, `check` and `train` on the command line: what comes out, and what is refused."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from relook.film.pictures.spaces import find_space
from relook.film.reader import FilmReader
from relook.timing import FrameRange

Run = Callable[[str], tuple[int, str, str]]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture
def folder(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a film, a look, and a take and two stills in ACEScct, 16-bit PNG; it is the working directory."""
    monkeypatch.chdir(media)
    monkeypatch.delenv("OCIO", raising=False)
    (media / "take").mkdir()
    (media / "stills").mkdir()
    names = [f"take/plate.{number}.png" for number in (1001, 1002, 1003)] + ["stills/one.png", "stills/other.png"]
    for name in names:
        random = np.random.default_rng(len(name))
        shade = cv2.blur(random.uniform(0.1, 0.85, (96, 128, 3)), (5, 5))
        cv2.imwrite(str(media / name), np.rint(shade * 65535).astype(np.uint16))
    return media


@pytest.fixture
def log_films(folder: Path) -> Path:
    """Return the folder with two more films of the same pictures: `shown.mkv` for the display and `log.mkv` in ACEScct."""
    space = find_space("acescct")
    with FilmReader(folder / "film.mp4") as reader:
        frames = [frame.pixels.numpy() * 0.5 for frame in reader.frames(FrameRange(0, 5))]
    for name, values in (("shown", frames), ("log", [space.from_display(frame) for frame in frames])):
        with av.open(str(folder / f"{name}.mkv"), "w") as container:
            stream = container.add_stream("ffv1", rate=24)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "gbrp12le"
            for number, value in enumerate(values):
                packed = np.rint(value.clip(0, 1).transpose(1, 2, 0) * 65535).astype(np.uint16)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(packed), format="rgb48le")
                frame = frame.reformat(format="gbrp12le")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return folder


def pictures_of(page: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    return [cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR) for data in found]


def codes(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(int)


@pytest.mark.parametrize("given", ["take", "stills"])
def test_pictures_come_out_in_their_space(folder: Path, run: Run, given: str) -> None:
    line = f"apply {given} --look silent --colour-space acescct -o"
    for output, dials in (("same", " --strength 0"), ("new", ""), ("again", "")):
        code, out, err = run(f"{line} {output}{dials}")
        assert code == 0, out + err
    for path in sorted((folder / given).iterdir()):
        before, after = path, folder / "new" / path.name
        assert (folder / "same" / path.name).read_bytes() == before.read_bytes()
        assert after.read_bytes() == (folder / "again" / path.name).read_bytes()
        moved = np.abs(codes(after) - codes(before))
        assert 500 < moved.mean() < 20000
    code, _, err = run(f"apply {given} --look silent -o plain")
    assert code == 0, err
    name = next((folder / given).iterdir()).name
    assert not np.array_equal(codes(folder / "plain" / name), codes(folder / "new" / name))


def test_a_still_whose_values_would_not_come_back_is_named_and_the_rest_is_done(folder: Path, run: Run) -> None:
    cv2.imwrite(str(folder / "stills" / "a.png"), np.array([[[0, 0, 65535]] * 9] * 9, np.uint16))
    code, out, _ = run("apply stills --look plain.look -o new --colour-space acescc")
    assert code == 4 and "2 stills written" in out and "a.png: " in out
    assert "cannot be brought back to ACEScc" in out and not (folder / "new" / "a.png").exists()


def test_a_film_of_log_pictures_is_for_the_display(folder: Path, run: Run) -> None:
    code, out, err = run("apply take --look plain.look --strength 0 --colour-space color_timing -o out.mkv")
    assert code == 0, err
    assert "below black or above white, clipped because .mkv cannot hold them: 3;" in out


def test_a_log_film_is_rendered_and_checked_in_its_space(log_films: Path, run: Run) -> None:
    """In log a film is judged as the same film for the display is; without the option it is grey and flat."""
    for name in ("shown", "log"):
        space = " --colour-space acescct" if name == "log" else ""
        code, out, err = run(f"apply {name}.mkv --look silent --texture 0 -o {name}_new.mkv{space}")
        assert code == 0, err
        assert ("relook check log_new.mkv --look silent --source log.mkv --colour-space acescct\n" in out) == (
            name == "log"
        )
    reports = {}
    for name, space in (("shown", ""), ("log", " --colour-space acescct"), ("log", "")):
        line = f"check {name}_new.mkv --look silent --source {name}.mkv -o report{len(reports)} --json{space}"
        code, out, err = run(line)
        assert code in (0, 1), err
        reports[name + space] = json.loads(Path(f"report{len(reports)}/report.json").read_text())
    shown, log, flat = reports.values()
    assert log["measures"]["timeline"]["luma"] == pytest.approx(shown["measures"]["timeline"]["luma"], abs=0.01)
    assert log["measures"]["timeline"]["source_luma"] == pytest.approx(
        shown["measures"]["timeline"]["source_luma"], abs=0.01
    )
    assert log["measures"]["content"] == pytest.approx(shown["measures"]["content"], abs=0.02)
    assert abs(flat["measures"]["timeline"]["source_luma"][0] - shown["measures"]["timeline"]["source_luma"][0]) > 0.03
    pages = [(log_films / f"report{n}" / "report.html").read_text() for n in range(3)]
    lights = [[picture.mean() for picture in pictures_of(page)] for page in pages]
    assert lights[1] == pytest.approx(lights[0], abs=3) and np.abs(np.subtract(lights[2], lights[0])).max() > 8


def test_pictures_of_a_log_film_are_checked_as_what_they_are(log_films: Path, run: Run) -> None:
    """With the same option as `apply`: pictures of a film are for the display, and its source is in the space."""
    code, out, err = run("apply log.mkv --look silent --texture 0 -o new.####.dpx --colour-space acescct")
    assert code == 0, err
    assert "relook check 'new.####.dpx' --look silent --source log.mkv --colour-space acescct\n" in out
    measures = []
    for film, source, space in (
        ("new.####.dpx", "log.mkv", " --colour-space acescct"),
        ("new.####.dpx", "shown.mkv", ""),
    ):
        code, out, err = run(f"check {film} --look silent --source {source} -o report{len(measures)} --json{space}")
        assert code in (0, 1), err
        measures.append(json.loads(out.splitlines()[-1])["measures"])
    assert measures[0]["content"] == pytest.approx(measures[1]["content"], abs=0.02)
    assert measures[0]["applied"] == pytest.approx(measures[1]["applied"], abs=0.05)


@pytest.mark.parametrize(
    ("line", "code", "named"),
    [
        ("apply take --look plain.look -o new --colour-space acessct", 2, "did you mean"),
        ("apply take --look plain.look -o new --colour-space raw", 2, "for data"),
        ("apply film.mp4 --look plain.look -o new.mp4 --colour-space acessct", 2, "did you mean"),
        ("apply absent.mov --look plain.look -o new.mov --colour-space acescct --edl cut.edl", 3, "absent.mov"),
        ("check film.mp4 --look silent --colour-space raw", 2, "for data"),
        ("train --source film.mp4 --style style.mp4 -o own.look --colour-space acessct", 2, "did you mean"),
        ("apply absent.png --look plain.look -o new.png --colour-space acescct", 3, "absent.png"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    line: str, code: int, named: str, folder: Path, run: Run, tree: Tree
) -> None:
    before = tree(folder)
    found, out, err = run(line)
    assert (found, out) == (code, ""), err
    assert named in err and "Traceback" not in err
    assert tree(folder) == before


def test_a_broken_config_is_refused_by_name(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", str(folder / "text.mp4"))
    code, _, err = run("apply take --look plain.look -o new --colour-space acescct")
    assert code == 3 and "text.mp4, cannot be used" in err and not (folder / "new").exists()
    code, _, err = run("apply take --look plain.look -o new")
    assert code == 0, f"without the option the config is not looked at: {err}"
