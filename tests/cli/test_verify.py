"""`relook verify`: one flipped byte in the film, the look, the source or the receipt is named (T20)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from relook.apply.shot_record import RECORD
from relook.errors import InputError
from relook.film.publish import receipt_of
from relook.pipeline.judging import part_shown
from relook.receipt import Files, Receipt, read_receipt, write_receipt
from relook.timing import FrameRange

Run = Callable[[str], tuple[int, str, str]]


def flip(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out.mkv", "out.####.png"])
def test_T20_a_flipped_byte_is_named(run: Run, media: Path, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    code, _, err = run(f"apply film.mp4 --look plain.look -o {output} --range 00:00:00:00-00:00:00:06")
    assert code == 0, err
    all_of_it = f"verify {output} --source film.mp4 --look plain.look --json"
    code, out, err = run(all_of_it)
    assert code == 0, out + err
    found = json.loads(out.splitlines()[-1])
    assert found["verdict"] == "pass" and {file["what"] for file in found["files"]} == {"output", "source", "look"}
    made = Path(output) if "#" not in output else Path("out.1003.png")
    for path, what in ((made, "output"), (Path("film.mp4"), "source"), (Path("plain.look"), "look")):
        whole = path.read_bytes()
        for place in (0, 0.5, 1):
            flip(path, place)
            code, out, err = run(all_of_it)
            path.write_bytes(whole)
            assert code == 1, out + err
            wrong = [file for file in json.loads(out.splitlines()[-1])["files"] if file["fault"]]
            assert [file["what"] for file in wrong] == [what]
            if what == "output":
                assert wrong[0]["name"] == path.name and path.name in out.splitlines()[0]
    if "#" in output:
        more = made.with_name("out.1007.png")
        more.write_bytes(made.read_bytes())
        code, out, _ = run(all_of_it)
        assert code == 1 and "out.1007.png: it is not in the receipt" in out, out
        more.unlink()
    receipt = receipt_of(Path(output))
    whole = receipt.read_bytes()
    for place in range(1, 40):
        flip(receipt, place / 40)
        code, _, err = run(all_of_it)
        receipt.write_bytes(whole)
        assert code == 3 and str(receipt) in err, err
    made.unlink()
    assert run(f"verify {output}")[0] == 1
    receipt.unlink()
    assert run(f"verify {output}")[0] == 3


def test_T20_a_flipped_bit_of_a_receipt_is_noticed_even_where_it_means_the_same(tmp_path: Path) -> None:
    film, digest = tmp_path / "Zürich.mov", Files("Zürich.mov", {"Zürich.mov": "0" * 64})
    whole = write_receipt(Receipt("", digest, digest, digest, {"dials": {"grain": 1e-05}}))
    receipt_of(film).write_bytes(whole)
    assert read_receipt(film).output == digest
    for place in range(len(whole)):
        for bit in (0, 5):
            receipt_of(film).write_bytes(whole[:place] + bytes((whole[place] ^ 1 << bit,)) + whole[place + 1 :])
            with pytest.raises(InputError, match=r"Zürich\.mov\.receipt\.json"):
                read_receipt(film)


@pytest.mark.parametrize(
    "frames", ["abc", 5, {"start": 3}, {"start": 9, "stop": 3}, {"start": -1, "stop": 3}, {"a": 1}]
)
def test_T20_a_receipt_of_frames_that_cannot_be_is_refused(frames: object, tmp_path: Path) -> None:
    film, nothing = tmp_path / "o.mov", Files("", {})

    def write(frames: object) -> None:
        receipt_of(film).write_bytes(write_receipt(Receipt("", nothing, nothing, nothing, {"frames": frames})))

    write(frames)
    with pytest.raises(InputError, match=r"o\.mov\.receipt\.json"):
        part_shown(film)
    write({"start": 3, "stop": 9})
    assert part_shown(film) == FrameRange(3, 9)
    write(None)
    assert part_shown(film) is None


def test_what_verify_says_is_no_riddle(run: Run, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    Path("a.edl").write_text("TITLE: t\n001  AX V C 00:00:00:00 00:00:00:04 01:00:00:00 01:00:00:04\n")
    for line in ("-o out.mkv --range 00:00:00:00-00:00:00:04", "--edl a.edl -o shots"):
        assert run(f"apply film.mp4 --look plain.look {line}")[0] == 0
    code, out, _ = run("verify out.mkv --source absent.mp4")
    assert code == 1 and out.splitlines()[0] == "source absent.mp4: it is not there"
    code, out, _ = run("verify shots --source film.mp4")
    assert code == 0 and "give --source" not in out and out.startswith("output: ")


def test_T20_a_flipped_byte_of_what_is_told_of_shots_is_named(
    run: Run, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(media)
    Path("a.edl").write_text("TITLE: t\n001  AX V C 00:00:00:00 00:00:00:04 01:00:00:00 01:00:00:04\n")
    assert run("apply film.mp4 --look plain.look --edl a.edl -o shots")[0] == 0
    record = Path("shots", RECORD)
    whole = record.read_bytes()
    for place in range(41):
        flip(record, place / 40)
        code, _, err = run("verify shots")
        record.write_bytes(whole)
        assert code == 3 and str(record) in err, (place, err)
    assert run("verify shots")[0] == 0


def test_a_seed_that_no_receipt_could_tell_is_refused(run: Run, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    line = "apply film.mp4 --look plain.look -o out.mkv --seed"
    code, _, err = run(f"{line} {2**63}")
    assert code == 2 and f"seed {2**63} is not from 0 to {2**63 - 1}" in err
    assert run(f"{line} {2**63 - 1}")[0] == 0 and run("verify out.mkv")[0] == 0
