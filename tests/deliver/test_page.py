"""The report: JSON that comes back as it went, and one page that needs nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.deliver.page import hero_frame, write_report
from relook.deliver.plots import across, curve, up
from relook.errors import InputError, ResourceError
from relook.recipe.mechanics import Dust, Grain, Mechanics
from relook.report import Code, FilmCard, LookCard, MarksCompared, Reason, Report, ShotVerdict, Timeline, Verdict
from relook.timing import FrameRange

VERDICTS: tuple[Verdict, ...] = ("pass", "review", "fail", "unjudged")
CODES: tuple[Code, ...] = ("style_not_reached", "flicker", "frame_count", "not_judgeable")
number = st.floats(-1e6, 1e6, allow_nan=False)


def worn(amount: float) -> Mechanics:
    sure = {"strength": 1.0, "dark_per_frame": amount}
    return Mechanics(
        reference_height=364,
        grain=Grain(((amount, amount / 2, 0.0),) * 8, confidence=sure),
        dust=Dust(dark_per_frame=20 * amount, opacity=(amount, 0.0), confidence=sure),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report: shots that follow each other, with any verdicts, reasons and measures."""
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=6))
    starts = np.cumsum([0, *lengths]).tolist()
    shots = tuple(
        ShotVerdict(
            index=k,
            frames=FrameRange(starts[k], starts[k + 1]),
            start_timecode=f"00:00:00:{k:02d}",
            verdict=draw(st.sampled_from(VERDICTS)),
            reasons=tuple(
                Reason(draw(st.sampled_from(CODES)), draw(st.text(max_size=20))) for _ in range(draw(st.integers(0, 2)))
            ),
            measures=draw(st.dictionaries(st.sampled_from(["content", "seam", "style_distance"]), number)),
        )
        for k in range(len(lengths))
    )
    values = st.one_of(st.none(), number)
    frames = tuple(range(0, starts[-1], draw(st.integers(1, 5))))
    curves = [tuple(draw(st.lists(values, min_size=len(frames), max_size=len(frames)))) for _ in range(4)]
    return Report(
        film=FilmCard(
            draw(st.text(max_size=12)), 640, 272, "24000/1001", starts[-1], draw(st.none() | st.just("s.mp4"))
        ),
        look=LookCard("silent", "ab" * 32),
        verdict=draw(st.sampled_from(["pass", "fail", "unjudged"])),
        shots=shots,
        standing="calibrated on 6 style shots",
        measures={"content": draw(number)},
        limits={"content": (0.8, 0.6), "prescription": (0.06, None)},
        timeline=Timeline(frames, *curves),
        mechanics=draw(st.none() | st.builds(MarksCompared, st.builds(worn, st.floats(0, 1)), st.just(Mechanics()))),
    )


@settings(max_examples=60)
@given(reports())
def test_json_comes_back_as_it_went(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


@settings(max_examples=30)
@given(reports())
def test_worst_shots_come_first(report: Report) -> None:
    order = [("fail", "review", "unjudged", "pass").index(shot.verdict) for shot in report.worst_first()]
    assert order == sorted(order) and len(order) == len(report.shots)
    assert sum(report.count(verdict) for verdict in VERDICTS) == len(report.shots)
    assert len(report.lines()) == 1 + len(report.shots) - report.count("pass")


def test_json_has_the_shape_of_the_design() -> None:
    data = small_report().to_dict()
    assert data["schema"] == 1 and data["verdict"] == "fail"
    assert set(data) >= {"schema", "film", "look", "verdict", "shots", "measures"}
    assert set(data["shots"][0]) == {
        "index",
        "start_frame",
        "stop_frame",
        "start_timecode",
        "verdict",
        "reasons",
        "measures",
    }
    assert data["shots"][1]["reasons"] == [{"code": "flicker", "text": "brightness <jumps> & more"}]
    assert data["look"] == {"name": "silent", "sha256": "cd" * 32}


def test_measures_that_are_not_finite_are_left_out_of_json() -> None:
    shot = replace(small_report().shots[0], measures={"content": float("nan"), "seam": 1.0})
    data = json.loads(replace(small_report(), shots=(shot,)).to_json())
    assert data["shots"][0]["measures"] == {"seam": 1.0}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', "null", '{"schema": 1, "film": {}}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Report.from_json(text)


def small_report(num_frames: int = 24) -> Report:
    shots = (
        ShotVerdict(0, FrameRange(0, 12), "01:00:00:00", "pass", (), {"style_distance": 0.4, "content": 0.95}),
        ShotVerdict(
            1,
            FrameRange(12, 24),
            "01:00:00:12",
            "fail",
            (Reason("flicker", "brightness <jumps> & more"),),
            {"style_distance": 1.7, "flicker_share": 2.4, "style_percentile": 3.0},
        ),
    )
    distances = tuple({3: 0.4, 15: 1.2, 20: 1.9}.get(k) for k in range(24))
    timeline = Timeline(tuple(range(24)), (0.5,) * 24, (0.4,) * 24, (None, *(0.01,) * 23), distances)
    film = FilmCard("<film>.mkv", 96, 64, "24", num_frames, "source.mkv")
    limits = {"style_distance": (1.0, 1.5), "content": (0.8, 0.6), "flicker_share": (1.0, 2.0)}
    look = LookCard("silent", "cd" * 32)
    return Report(film, look, "fail", shots, "calibrated on 3 style shots", {"content": 0.95}, limits, timeline)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("page")
    return paint_film(folder / "film.mkv", 0), paint_film(folder / "source.mkv", 100)


def paint_film(path: Path, red: int, num_frames: int = 24) -> Path:
    """Write frames of one red and a green that counts the frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for index in range(num_frames):
            codes = np.full((64, 96, 3), (red, 10 * index, 50), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


class PageReader(HTMLParser):
    """Collects what a page links to and what it shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.shots: list[str] = []
        self.ranges = 0
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.links += [value for name in ("src", "href") if (value := values.get(name))]
        self.ranges += values.get("type") == "range"
        if tag == "article":
            self.shots.append(values["id"] or "")
        if tag not in {"meta", "img", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_the_worst_shot_first(films: tuple[Path, Path], tmp_path: Path) -> None:
    files = write_report(small_report(), tmp_path / "report", film=films[0], source=films[1])
    assert [path.name for path in files] == ["report.json", "report.html"]
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["report.html", "report.json"]
    page = PageReader(files[1].read_text(encoding="utf-8"))
    assert page.open == []
    assert page.shots == ["shot-1", "shot-0"] and page.ranges == 2
    pictures = [link for link in page.links if link.startswith("data:image/jpeg;base64,")]
    assert len(pictures) == 2 * 2 + 2 * 5
    assert set(page.links) - set(pictures) == {"#shot-0", "#shot-1"}
    assert Report.from_json(files[0].read_text(encoding="utf-8")) == small_report()


def test_text_from_outside_is_only_text(films: tuple[Path, Path], tmp_path: Path) -> None:
    page = write_report(small_report(), tmp_path / "r", film=films[0], source=None)[1].read_text(encoding="utf-8")
    assert "<film>" not in page and "&lt;film&gt;.mkv" in page and "brightness &lt;jumps&gt; &amp; more" in page
    assert not re.search(r"https?://", page)


def test_the_marks_of_the_film_stand_beside_those_of_the_reel(films: tuple[Path, Path], tmp_path: Path) -> None:
    assert "Marks of film" not in write_report(small_report(), tmp_path / "n", film=films[0])[1].read_text("utf-8")
    report = replace(small_report(), mechanics=MarksCompared(worn(0.04), worn(0.0)))
    page = write_report(report, tmp_path / "r", film=films[0])[1].read_text(encoding="utf-8")
    grain = re.search(r"<tr><th scope=\"row\">grain</th><td>(.*?)</td><td>(.*?)</td></tr>", page)
    assert grain and grain[1].startswith("2.0% at its strongest") and grain[2] == "none"
    assert "dark some 0.8" in page and PageReader(page).open == []


def test_without_a_source_there_is_no_wipe(films: tuple[Path, Path], tmp_path: Path) -> None:
    report = replace(small_report(), film=replace(small_report().film, source=None))
    page = write_report(report, tmp_path / "r", film=films[0])[1].read_text(encoding="utf-8")
    assert PageReader(page).ranges == 0 and "No source was given" in page


def test_a_film_that_ends_early_still_has_a_page(films: tuple[Path, Path], tmp_path: Path) -> None:
    short = paint_film(tmp_path / "short.mkv", 0, num_frames=14)
    page = write_report(small_report(14), tmp_path / "r", film=short, source=films[1])[1].read_text(encoding="utf-8")
    assert PageReader(page).shots == ["shot-1", "shot-0"]


def test_a_report_is_replaced_in_one_step(films: tuple[Path, Path], tmp_path: Path) -> None:
    first = write_report(small_report(), tmp_path / "r", film=films[0])
    assert write_report(replace(small_report(), verdict="pass"), tmp_path / "r", film=films[0]) == first
    assert json.loads(first[0].read_text(encoding="utf-8"))["verdict"] == "pass"


def test_a_place_that_cannot_be_written_is_said(films: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="choose another folder"):
        write_report(small_report(), tmp_path / "file", film=films[0])


def test_the_frame_shown_is_the_worst_of_a_bad_shot_and_the_middle_of_a_good_one() -> None:
    report = small_report()
    assert [hero_frame(shot, report) for shot in report.shots] == [6, 20]


def test_curves_break_at_cuts_and_gaps() -> None:
    path = curve(range(4), (0.0, 1.0, None, 0.5), top=1.0, num_frames=4, breaks=frozenset())
    assert path == "M125.0 100.0L375.0 0.0M875.0 50.0"
    cut = curve(range(2), (0.0, 1.0), top=1.0, num_frames=2, breaks=frozenset({1}))
    assert cut.count("M") == 2
    assert up(5.0, 1.0) == 0 and up(-1.0, 1.0) == 100 and across(0, 1) == 500
