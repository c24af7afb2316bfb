"""Where events come to lie on a film: by its timecode, by what the list says of the reel, by the numbers of its pictures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from relook.apply.events import place_events
from relook.errors import InputError
from relook.film.cuts.cutlist import CutList, Dissolve, Event
from relook.film.frames import FilmInfo
from relook.timing import FrameRange

RATE = Fraction(24)
FILM = FilmInfo(Path("shot.mov"), "film", 64, 48, RATE, 1 / RATE, 8, "yuv420p")


def take(path: str, first: int, timecode: str | None = None) -> FilmInfo:
    pictures = tuple(Path(f"shot.{first + index}.exr") for index in range(50))
    return replace(FILM, path=Path(path), kind="sequence", pictures=pictures, timecode=timecode)


def event(start: int, *, first: int | None, number: int | None = None) -> Event:
    source = FrameRange(start, start + 10)
    return Event("001", "picture", "", "shot", source, FrameRange(0, 10), None, first == 0, "", first, number)


@pytest.mark.parametrize(
    ("info", "start", "first", "number", "frame"),
    [
        (FILM, 5, None, None, 5),
        (FILM, 86_410, 86_400, None, 10),
        (FILM, 12, 0, None, 12),
        (replace(FILM, timecode="01:00:00:04"), 86_410, 86_400, None, 6),
        (take("shot.####.exr", 1001), 1011, 1001, 1001, 10),
        (take("shot.####.exr", 1006), 86_410, 86_400, 1001, 5),
        (take("shot.1001.exr", 1001, "01:00:00:00"), 1011, 1001, 1001, 10),
        (replace(FILM, timecode="01:00:00:00"), 86_410, 86_400, 1001, 10),
    ],
)
def test_an_event_is_found(info: FilmInfo, start: int, first: int | None, number: int | None, frame: int) -> None:
    placing = place_events(CutList("", (event(start, first=first, number=number),), RATE), info, 50)
    assert placing.placed[0].frames == FrameRange(frame, frame + 10)
    assert any("has no timecode" in note for note in placing.notes) == (info.timecode is None and first is None)


@pytest.mark.parametrize(
    ("starts", "frames", "hour"),
    [
        ((86_400, 86_440), (0, 40), "01"),
        ((864_005, 864_040), (5, 40), "10"),
        ((5, 40), (5, 40), "00"),
        ((86_400, 86_441), None, ""),
        ((0, 86_400), None, ""),
    ],
)
def test_a_film_without_timecode_begins_at_the_hour_at_which_all_its_events_fit(
    starts: tuple[int, int], frames: tuple[int, int] | None, hour: str
) -> None:
    first, second = (event(start, first=None) for start in starts)
    cuts = CutList("", (first, replace(second, number="002", record=FrameRange(10, 20))), RATE)
    if frames is None:
        with pytest.raises(InputError, match="runs from 00:00:00:00 to 00:00:02:02: event 00"):
            place_events(cuts, FILM, 50)
        return
    placing = place_events(cuts, FILM, 50)
    assert [placed.frames and placed.frames.start for placed in placing.placed] == list(frames)
    assert placing.notes[-1].endswith(f"its first frame is taken to be {hour}:00:00:00")
    with pytest.raises(InputError, match="which the film does not have"):
        place_events(cuts, replace(FILM, timecode="02:00:00:00"), 50)


@pytest.mark.parametrize("start", [86_409, 86_466])
def test_pictures_that_the_take_has_not_are_told(start: int) -> None:
    cuts = CutList("", (event(start, first=86_400, number=1001),), RATE)
    with pytest.raises(InputError, match="which the film does not have"):
        place_events(cuts, take("shot.####.exr", 1011), 50)


@pytest.mark.parametrize("path", ["shot.####.exr", "shot.1001.exr", "a/folder", "shot"])
def test_a_take_is_known_by_what_its_pictures_are_called(path: str) -> None:
    events = (event(0, first=0), replace(event(20, first=0), number="002", reel="other"))
    placing = place_events(CutList("", events, RATE), take(path, 1001), 50)
    assert ([placed.event.reel for placed in placing.placed], placing.foreign) == (["shot"], (events[1],))


@pytest.mark.parametrize("fault", ["", "is a wipe (W001)"])
def test_a_shot_runs_on_while_another_reel_comes_in(fault: str) -> None:
    """Both sides of a dissolve are whole in the two shots, whatever reels they are of; a wipe needs them too."""
    going = event(20, first=0)
    coming = replace(going, number="002", reel="other", record=FrameRange(10, 20), fault=fault)

    def tail(dissolve: Dissolve, num_frames: int = 50) -> FrameRange | None:
        cuts = CutList("", (going, replace(coming, dissolve=dissolve)), RATE)
        return place_events(cuts, FILM, num_frames).placed[0].tail

    info = replace(FILM, path=Path("other.mov"))
    placing = place_events(CutList("", (going, replace(coming, fault="")), RATE), info, 50)
    assert placing.placed[0].tail is None and placing.foreign == (going,)
    assert tail(Dissolve(8, FrameRange(30, 38), "shot")) == FrameRange(30, 38)
    with pytest.raises(InputError, match="event 002 dissolves for 8 frames, but the film ends"):
        tail(Dissolve(8, FrameRange(30, 38), "shot"), 37)
    with pytest.raises(InputError, match="event 002 dissolves from pictures"):
        tail(Dissolve(8, FrameRange(31, 39), "shot"))
    assert tail(Dissolve(8, None)) is None
