"""The page of a training: right at every point of a run, from no line at all to hundreds of checks."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.deliver.plots import HEIGHT, WIDTH, Scale, round_scale, running_mean, spots, thinned, trace
from relook.deliver.training_page import write_training_page
from relook.errors import ResourceError

Event = dict[str, Any]


def event(kind: str, step: int, **values: Any) -> Event:
    return {"event": kind, "step": step, "frames": 8 * step, "seconds": 0.5 * step, **values}


def check(step: int, candidate: str, score: float, *, kept: bool) -> Event:
    """Paint a check whose other measures follow from its score."""
    values = {"patch_distance": 0.6 * score, "colour_distance": 1.2 * score, "structure_kept": 0.93 + 0.02 * score}
    return event("check", step, candidate=candidate, score=score, kept=kept, **values)


def terms(step: int) -> Event:
    own = {"critic": 0.6, "accuracy": 0.61, "adversarial": 0.7 + step / 1000, "content": 0.02, "equivariance": 0.01}
    return event("terms", step, gradient_penalty=3e-4, unheard_of=7, **own)


FULL = [
    check(0, "first pass", 2.0, kept=True),
    *(terms(step) for step in range(10, 100, 10)),
    event("trouble", 57, what="the critic's loss is not finite", done="this batch was skipped"),
    check(100, "as learned", 1.7, kept=True),
    check(100, "another way", 1.8, kept=False),
    check(200, "as learned", 1.66, kept=True),
    check(200, "another way", 2.3, kept=False),
    event("end", 900, reason="the budget is spent"),
]


class PageReader(HTMLParser):
    """Collects what a page links to, its words, and its curves by the name of their box."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.refreshes: list[str | None] = []
        self.paths: dict[str, dict[str, str]] = {}
        self.open: list[str] = []
        self.words: list[str] = []
        self.box = ""
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.links += [value for name in ("src", "href") if (value := values.get(name))]
        if values.get("http-equiv") == "refresh":
            self.refreshes.append(values["content"])
        if tag == "svg":
            self.box = (values.get("aria-label") or "").removesuffix(" over frames seen")
        if tag == "path" and self.box:
            self.paths.setdefault(self.box, {})[values["class"] or ""] = values["d"] or ""
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"}:
            self.words.append(data)


def places(path: str) -> list[tuple[float, float]]:
    """Return the points of a path; all of it must be moves and lines between them."""
    found = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)
    assert "".join(f"{x} {y}" for x, y in found) == re.sub("[ML]", "", path)
    return [(float(x), float(y)) for x, y in found]


def write_log(run: Path, events: list[Event], end: str = "") -> None:
    run.mkdir(exist_ok=True)
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in events) + end, encoding="utf-8")


def page_of(run: Path, events: list[Event], *, end: str = "", is_done: bool = False, message: str = "") -> PageReader:
    write_log(run, events, end)
    path = write_training_page(run, name="silent", is_done=is_done, message=message)
    page = PageReader(path.read_text(encoding="utf-8"))
    assert page.open == []
    for curves in page.paths.values():
        for x, y in (place for path in curves.values() for place in places(path)):
            assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
    return page


def test_before_the_first_line_the_page_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, [])
    assert page.paths == {} and page.links == []
    for words in ("The first pass is being made.", "Nothing has been measured yet.", "Nothing out of the ordinary."):
        assert words in page.text
    (tmp_path / "metrics.jsonl").unlink()
    before_it = write_training_page(tmp_path, name="silent", is_done=False)
    assert PageReader(before_it.read_text(encoding="utf-8")).paths == {}


def test_with_the_first_pass_alone_it_leads(tmp_path: Path) -> None:
    page = page_of(tmp_path, FULL[:1])
    assert "the first pass leads 0.0 %" in page.text and "Training has not taken its first steps yet." in page.text
    assert set(page.paths) == {
        "Closeness to the style",
        "Distance of textures",
        "Distance of colours",
        "Structure kept",
    }
    textures = page.paths["Distance of textures"]
    assert "kept" not in textures and places(textures["rule"])[0][1] == places(textures["leading"])[0][1]


def test_the_values_of_a_run_appear(tmp_path: Path) -> None:
    page = page_of(tmp_path, FULL, message="textures come closer")
    for words in (
        "textures come closer",
        "closer to the style than the first pass 17.0 %",
        "of the picture's structure kept 96.3 %",
        "steps 900 frames seen 7,200 of training 7 min 30 s",
        "score 1.66, first pass 2",
        "Distance of textures 0.996 grain, wear, fine detail; lower is closer first pass 1.20",
        "30 % \N{MINUS SIGN}20 % 0 frames seen 7,200",
        "Critic's accuracy 61.0 % how often it tells them apart; 50 % is guessing 100 % 0 %",
        "Training ended at step 900: the budget is spent.",
    ):
        assert words in page.text
    assert {"Critic's loss", "Critic's accuracy", "Adversarial", "Content", "Equivariance"} < set(page.paths)


def test_what_is_worse_than_the_first_pass_is_said_to_be(tmp_path: Path) -> None:
    page = page_of(tmp_path, [FULL[0], check(50, "as learned", 2.5, kept=True)])
    assert "further from the style than the first pass 25.0 %" in page.text


def test_every_candidate_has_a_dot_and_what_was_kept_is_marked(tmp_path: Path) -> None:
    curves = page_of(tmp_path, [*FULL, check(450, "smoothed", 1.9, kept=False)]).paths["Closeness to the style"]
    middle = {"learned": [111.1, 222.2], "other": [111.1, 222.2, 500.0], "kept": [111.1, 222.2]}
    for kind, expected in (middle | {"leading": [222.2]}).items():
        assert [x for x, _ in places(curves[kind])[::2]] == expected, kind
    learned, kept, leading = (places(curves[kind]) for kind in ("learned", "kept", "leading"))
    assert kept == learned and leading == kept[2:]
    assert kept[2][1] < kept[0][1] < places(curves["rule"])[0][1] < places(curves["other"])[2][1]


def test_what_was_kept_holds_until_something_better_comes(tmp_path: Path) -> None:
    curves = page_of(tmp_path, FULL).paths["Closeness to the style"]
    steps = places(curves["course"])
    assert [x for x, _ in steps] == [0.0, 111.1, 111.1, 222.2, 222.2, 1000.0]
    assert steps[0][1] == steps[1][1] == places(curves["rule"])[0][1]
    assert steps[3][1] > steps[4][1] == steps[5][1] == places(curves["leading"])[0][1]


@pytest.mark.parametrize("is_done", [False, True])
def test_the_page_reloads_itself_until_training_is_done(tmp_path: Path, is_done: bool) -> None:
    page = page_of(tmp_path, FULL, is_done=is_done)
    assert page.refreshes == ([] if is_done else ["10"])
    assert ("ended" in page.words) is is_done and ("training" in page.words) is not is_done


def test_the_sheet_is_linked_anew_with_each_step_and_nothing_else_is(tmp_path: Path) -> None:
    assert page_of(tmp_path, FULL).links == []
    (tmp_path / "sheet.jpg").touch()
    for events, step in ((FULL[:5], 40), (FULL, 900)):
        assert page_of(tmp_path, events).links == [f"sheet.jpg?step={step}"] * 2
    text = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script|@import|url\(", text)


def test_text_from_outside_is_only_text(tmp_path: Path) -> None:
    write_log(tmp_path, [event("trouble", 1, what="<i>loss</i>", done="a & b"), event("end", 2, reason="<u>")])
    text = write_training_page(tmp_path, name="<b>look</b>", is_done=False, message="<s>").read_text(encoding="utf-8")
    assert "&lt;b&gt;look&lt;/b&gt;" in text and "&lt;i&gt;loss&lt;/i&gt;; a &amp; b." in text
    assert not re.search("<[bisu]>", text.split("<body>")[1].replace("<i></i>", ""))


@pytest.mark.parametrize("end", ['{"event":"check","step":999,"fra', '{"event":"terms","step":999', "\ufffd", "17"])
def test_a_line_that_is_cut_off_is_ignored(tmp_path: Path, end: str) -> None:
    page = page_of(tmp_path, FULL[:-1], end=end)
    assert page.paths == page_of(tmp_path, FULL[:-1]).paths and "999" not in page.text


def test_a_line_cut_within_a_letter_is_ignored(tmp_path: Path) -> None:
    write_log(tmp_path, FULL[:1])
    with (tmp_path / "metrics.jsonl").open("ab") as log:
        log.write('{"event": "trouble", "what": "\u00e9'.encode()[:-1])
    text = write_training_page(tmp_path, name="silent", is_done=False).read_text(encoding="utf-8")
    assert "Nothing out of the ordinary." in text


def test_trouble_is_told_in_words_and_marked_in_every_curve(tmp_path: Path) -> None:
    page = page_of(tmp_path, FULL)
    assert "step 57 · 29 s The critic's loss is not finite; this batch was skipped." in page.text
    assert all(places(curves["trouble"]) == [(63.3, 0.0), (63.3, 100.0)] for curves in page.paths.values())


def test_trouble_that_repeats_is_told_once_and_only_the_latest_at_length(tmp_path: Path) -> None:
    again = [event("trouble", step, what="again", done="skipped") for step in (3, 4, 5)]
    assert "steps 3 to 5, 3 times · 1.5 s Again; skipped." in page_of(tmp_path, again).text
    many = page_of(tmp_path, [event("trouble", step, what=f"no {step}") for step in range(100)]).text
    assert "60 earlier ones are in metrics.jsonl." in many and "No 60." in many and "No 59." not in many


def test_a_run_that_goes_on_has_not_ended(tmp_path: Path) -> None:
    page = page_of(tmp_path, [*FULL, terms(910)])
    assert "Training ended" not in page.text and "The look is being trained." in page.text


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e300, 10**400, None, True, "1.5", [1.5]])
def test_what_is_no_measure_is_not_drawn(tmp_path: Path, value: object) -> None:
    odd = check(150, "as learned", 1.7, kept=False) | {"score": value, "frames": value}
    curves = page_of(tmp_path, [*FULL, odd, terms(20) | {"critic": value}]).paths
    assert curves == page_of(tmp_path, [*FULL, odd | {"score": None}, terms(20) | {"critic": None}]).paths
    assert (
        len(places(curves["Closeness to the style"]["learned"])) == 4
        and len(places(curves["Critic's loss"]["logged"])) == 9
    )


def test_hundreds_of_checks_stay_one_page(tmp_path: Path) -> None:
    long = [line for step in range(10, 6000, 10) for line in (terms(step), check(step, "as learned", 1.8, kept=False))]
    page = page_of(tmp_path, [FULL[0], *long])
    assert len(places(page.paths["Distance of colours"]["learned"])) == 2 * 599
    assert len(places(page.paths["Adversarial"]["logged"])) == 300


single = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.just(1e300)
anything = single | st.lists(single, max_size=2)
names = st.sampled_from([*FULL[0], *terms(1), "what", "done", "reason"])
kinds = st.sampled_from(["check", "terms", "trouble", "end", "unheard of"])
candidates = st.sampled_from(["first pass", "as learned", "?"])
sound = st.builds(check, st.integers(0, 999), candidates, st.floats(0, 1e9), kept=st.booleans()) | st.builds(
    terms, st.integers(0, 999)
)
strange = st.builds(
    lambda line, values, kind: line | values | {"event": kind},
    sound,
    st.dictionaries(names, anything, max_size=4),
    kinds,
)


@settings(max_examples=100)
@given(events=st.lists(sound | strange, max_size=8))
def test_no_event_breaks_the_page_or_leaves_its_box(
    events: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    page_of(tmp_path_factory.getbasetemp() / "strange", events)


def test_a_page_is_replaced_in_one_step_and_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    page_of(tmp_path, FULL[:1])
    page_of(tmp_path, FULL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl", "training.html"]
    with pytest.raises(ResourceError, match="choose another folder"):
        write_training_page(tmp_path / "none", name="silent", is_done=False)


@given(st.lists(st.floats(-1e11, 1e11), min_size=1), st.lists(st.floats(-1e11, 1e11), max_size=3))
def test_a_scale_has_room_for_what_it_must_hold(values: list[float], held: list[float]) -> None:
    scale = round_scale(values, held=held)
    assert scale.bottom < scale.top and all(scale.bottom <= value <= scale.top for value in held)


def test_a_scale_is_round_and_not_stretched_by_what_lies_far_out() -> None:
    assert edges(round_scale([0.93, 1.2])) == (0.9, 1.3)
    assert edges(round_scale([0.93, 1.0, 1.1, 1.2, 900.0])) == (0.9, 1.3)
    assert edges(round_scale([0.93, 1.0, 1.1, 1.2], held=[900.0])) == (-500, 1000)
    assert edges(round_scale([0.0, 0.98], least=0.0, most=1.0)) == (0, 1)
    assert edges(round_scale([3.0])) == (2.9, 3.1)
    assert edges(round_scale([], held=[0.0])) == (-0.05, 0.05)


def edges(scale: Scale) -> tuple[float, float]:
    return round(scale.bottom, 9), round(scale.top, 9)


def test_paths_by_hand() -> None:
    scale = Scale(1.0, 3.0)
    assert trace([(0, 1.0), (5, 2.0), (10, 9.0)], right=10, scale=scale) == "M0.0 100.0L500.0 50.0L1000.0 0.0"
    assert trace([(5, 3.0), (10, 3.0), (5, 3.0)], right=10, scale=scale).count("M") == 2
    assert spots([(5, 2.0), (20, 0.0)], right=10, scale=scale) == "M500.0 50.0L500.0 50.0M1000.0 100.0L1000.0 100.0"


def test_long_curves_are_thinned_and_smoothed() -> None:
    assert thinned([(0, 1.0), (2, 3.0), (4, 4.0), (6, 5.0), (8, 7.0)], 3) == [(1, 2.0), (5, 4.5), (8, 7.0)]
    assert running_mean([(0, 1.0), (1, 3.0), (2, 8.0)], 1) == [(0, 2.0), (1, 4.0), (2, 5.5)]
