"""What a running verb writes where there is no terminal."""

from __future__ import annotations

import pytest

from relook.cli.display import PlainLines, harmless, print_lines, showing_progress
from relook.progress import Progress


def test_a_stage_is_written_when_it_begins_and_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    show = PlainLines()
    for done in range(11):
        show(Progress("rendering", done, 10))
    show(Progress("checking", 0, None, "shots", "two voices"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["rendering: 0/10 frames", "rendering: 10/10 frames", "checking: 0 shots two voices"]


def test_the_same_stage_begun_again_is_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_progress() as show:
        for done in (0, 5, 0, 5):
            show(Progress("rendering", done, 10))
    assert capsys.readouterr().err.splitlines() == ["rendering: 0/10 frames"] * 2


def test_a_name_from_a_file_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert harmless("plain, größer,\ttabs\nand lines") == "plain, größer,\ttabs\nand lines"
    print_lines("name", "evil\x1b[2J\x07\r\x9b1m\u202etxt.exe")
    assert capsys.readouterr().out == "name\nevil\\x1b[2J\\x07\\x0d\\x9b1m\\u202etxt.exe\n"
