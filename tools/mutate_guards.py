"""Show that every guard is needed: take one away at a time, in a copy of the tree, and see its tests fail.

    python tools/mutate_guards.py [WORD ..]      only the guards whose name has one of the words

Leaves with 1 where a guard can be taken away and its tests still pass, or where its text is no longer in its file exactly once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("relook", "tests", "tools", "benchmarks", "pyproject.toml", "start.py", "constraints.txt")
FAILED = 1
"""What pytest leaves with where tests failed; other codes say that they did not run."""

MOST_SECONDS = 150.0
"""Tests that take longer hang, as a read of a pipe that nobody writes to does."""


@dataclass(frozen=True)
class Mutation:
    """One guard, how to take it away, and the tests that must notice."""

    guard: str
    file: str
    old: str
    """Stands in the file exactly once."""
    new: str
    tests: tuple[str, ...]
    """As pytest takes them: `file::test`."""


PUBLISH, PART, JOURNAL, LOOK = (
    "relook/film/publish.py",
    "relook/film/part.py",
    "relook/film/journal.py",
    "relook/look.py",
)
ON_DISK = "tests/apply/test_on_disk.py::"
RENDER_ON_DISK = (f"{ON_DISK}test_a_render_is_on_disk_before_it_is_named",)
STRETCH_ON_DISK = (f"{ON_DISK}test_a_stretch_is_on_disk_before_it_is_on_record",)
SMALL_ON_DISK = (f"{ON_DISK}test_small_files_looks_and_checkpoints_are_on_disk_before_they_are_named",)
BROKEN_OFF = "tests/apply/test_broken_off.py::"
CHANGED = ("tests/apply/test_changed_meanwhile.py::test_AP11_a_film_that_is_changed_while_it_is_rendered",)
VERIFIED = ("tests/cli/test_verify.py::test_T20_a_flipped_byte_is_named",)

MUTATIONS = (
    Mutation(
        "fsync of a stretch",
        "relook/film/container/encoder.py",
        "        os.fsync(self._file.fileno())\n",
        "",
        STRETCH_ON_DISK,
    ),
    Mutation("fsync of a journal's line", JOURNAL, "            os.fsync(file.fileno())\n", "", STRETCH_ON_DISK),
    Mutation("fsync of the film", PART, "                sync(self.made)\n", "", RENDER_ON_DISK),
    Mutation(
        "fsync of a picture",
        "relook/film/pictures/picture_files.py",
        "                sync(picture)\n",
        "",
        RENDER_ON_DISK,
    ),
    Mutation(
        "fsync of a small file",
        PUBLISH,
        "            os.fsync(file.fileno())\n",
        "",
        SMALL_ON_DISK,
    ),
    Mutation(
        "fsync of the folder of a small file",
        PUBLISH,
        "        sync_folder(path.parent)\n",
        "",
        SMALL_ON_DISK,
    ),
    Mutation(
        "fsync of the film's name",
        PART,
        "                os.replace(self.made, self._folder)\n            sync_folder(self.final.absolute().parent)\n",
        "                os.replace(self.made, self._folder)\n",
        RENDER_ON_DISK,
    ),
    Mutation(
        "fsync of a checkpoint's name",
        "relook/train/checkpoint.py",
        "    sync_folder(final.parent)\n",
        "",
        SMALL_ON_DISK,
    ),
    Mutation(
        "a small file takes its place in one step",
        PUBLISH,
        "        os.replace(part, path)\n",
        "        path.write_bytes(data)\n",
        SMALL_ON_DISK,
    ),
    Mutation(
        "the film takes its place in one step",
        PART,
        "    os.replace(made, final)\n",
        "    shutil.copyfile(made, final)\n",
        RENDER_ON_DISK,
    ),
    Mutation(
        "a film that came meanwhile is not replaced",
        PART,
        "            os.link(made, final)\n",
        "            os.replace(made, final)\n",
        ("tests/film/test_publish.py::test_what_came_to_a_name_meanwhile_stays",),
    ),
    Mutation(
        "a checkpoint takes its place in one step",
        "relook/train/checkpoint.py",
        "    os.replace(part, final)\n",
        "    shutil.copytree(part, final)\n",
        SMALL_ON_DISK,
    ),
    Mutation(
        "the film is read back",
        "relook/film/container/film_file.py",
        "        if fault is not None:\n",
        "        if False:\n",
        ("tests/film/test_written_whole.py::test_a_file_spoilt_while_it_is_written_is_not_published",),
    ),
    Mutation(
        "frames are finite: the renderer",
        "relook/apply/frame.py",
        "    if not torch.isfinite(rendered.sum()):\n",
        "    if False:\n",
        ("tests/apply/test_not_finite.py::test_AP06_a_frame_that_is_not_finite_is_named",),
    ),
    Mutation(
        "frames are finite: the writer",
        "relook/film/pixels.py",
        "    if not math.isfinite(float(frame.pixels.sum())):\n",
        "    if False:\n",
        ("tests/film/test_written_whole.py::test_an_error_leaves_nothing",),
    ),
    Mutation(
        "weights are finite",
        "relook/tensors.py",
        "            if tensor.is_floating_point() and not tensor.isfinite().all():\n",
        "            if False:\n",
        ("tests/apply/test_not_finite.py::test_AP06_weights_that_are_not_finite_are_refused",),
    ),
    Mutation(
        "only containers of the list are opened",
        "relook/film/container/opening.py",
        '{"format_whitelist": _ALLOWED, "protocol_whitelist": "file"}',
        "{}",
        ("tests/film/test_refused.py::test_files_that_point_at_others_are_refused",),
    ),
    Mutation(
        "only regular files are opened",
        "relook/film/regular.py",
        "    if not stat.S_ISREG(mode):\n",
        "    if False:\n",
        ("tests/film/test_refused.py::test_what_is_no_file_is_refused",),
    ),
    Mutation(
        "hash of a stretch",
        JOURNAL,
        "        return digest in (file_hash(self._part.path / path), file_hash(shown) if shown else None)\n",
        "        return (self._part.path / path).exists() or bool(shown)\n",
        (f"{BROKEN_OFF}test_what_is_done_is_not_done_again",),
    ),
    Mutation(
        "digest of the job",
        JOURNAL,
        "        if not lines or job is None or lines[0] != _heading(job):\n",
        "        if not lines or job is None:\n",
        (f"{BROKEN_OFF}test_another_job_begins_anew",),
    ),
    Mutation(
        "hash of what a receipt says",
        "relook/receipt.py",
        '    return Finding(what, name, "" if found == digest else "it was changed")\n',
        "    return Finding(what, name)\n",
        VERIFIED,
    ),
    Mutation(
        "seal of a receipt",
        "relook/receipt.py",
        "    if not is_whole:\n",
        "    if False:\n",
        VERIFIED,
    ),
    Mutation(
        "seal of the record of shots",
        "relook/apply/shot_record.py",
        "        if not is_whole:\n",
        "        if False:\n",
        ("tests/cli/test_verify.py::test_T20_a_flipped_byte_of_what_is_told_of_shots_is_named",),
    ),
    Mutation(
        "hash of a look's weights",
        LOOK,
        "        if hashlib.sha256(memoryview(blob)[head.start :]).hexdigest() != card.payload_sha256:\n",
        "        if False:\n",
        ("tests/test_look.py::test_one_flipped_bit_of_the_weights_is_noticed",),
    ),
    Mutation(
        "hashes of a checkpoint",
        "relook/train/checkpoint.py",
        '            if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:\n',
        "            if False:\n",
        ("tests/train/test_resume.py::test_TR07_a_damaged_checkpoint_is_passed_over_and_named",),
    ),
    Mutation(
        "identity of the film: size and time",
        "relook/film/identity.py",
        "            if now != before:\n",
        "            if False:\n",
        CHANGED,
    ),
    Mutation(
        "identity of the film: samples of its bytes",
        "relook/film/identity.py",
        "        if self._read() != self._samples:\n",
        "        if False:\n",
        CHANGED,
    ),
    Mutation(
        "lock of an output",
        PUBLISH,
        "            _hold(lock, busy)\n",
        "",
        ("tests/apply/test_stopped.py::test_AP07_a_second_job_is_refused_and_the_first_is_unharmed",),
    ),
    Mutation(
        "signals are heeded",
        "relook/cli/stopping.py",
        "    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)\n",
        "    return ()\n",
        ("tests/apply/test_stopped.py::test_AP02_stopped_by_a_signal",),
    ),
    Mutation(
        "errors of the disk are errors of resources",
        PUBLISH,
        "    except (OSError, av.error.FFmpegError) as error:\n",
        "    except av.error.FFmpegError as error:\n",
        ("tests/apply/test_full_disk.py::test_AP03_AP18_a_disk_that_refuses",),
    ),
    Mutation(
        "shots that were being renamed are known again",
        "relook/apply/shot_folder.py",
        "plan.file.path.name in ours or _was_ours(plan.file.path, record)\n",
        "plan.file.path.name in ours\n",
        ("tests/apply/test_shots_killed.py",),
    ),
    Mutation(
        "what a killed job left is cleared away",
        "relook/apply/receipt.py",
        "    clear_leftover(output, key)\n",
        "",
        (f"{BROKEN_OFF}test_AP08_a_finished_output_is_rid_of_what_is_left",),
    ),
    Mutation(
        "a reader that left is no failure",
        "relook/cli/display.py",
        "    except BrokenPipeError:\n        _close_off(sys.stdout)\n",
        "    finally:\n        pass\n",
        ("tests/apply/test_surroundings.py::test_AP17_what_is_told_and_nobody_hears",),
    ),
)


def main() -> int:
    """Try all guards, or those named; return the exit code."""
    wanted = [mutation for mutation in MUTATIONS if not sys.argv[1:] or any(w in mutation.guard for w in sys.argv[1:])]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        copy = Path(folder)
        for name in COPIED:
            copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copied(ROOT / name, copy / name)
        for mutation in wanted:
            began = time.monotonic()
            outcome, is_good = tried(mutation, copy)
            bad += not is_good
            sys.stdout.write(f"{mutation.guard:50} {outcome:40} {time.monotonic() - began:5.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(wanted) - bad} of {len(wanted)} guards are needed, by their tests\n")
    return 1 if bad else 0


def tried(mutation: Mutation, copy: Path) -> tuple[str, bool]:
    """Take a guard away in the copy, run its tests, put it back; say what came of it."""
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        return f"NOT FOUND: {text.count(mutation.old)} times in {mutation.file}", False
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    words = ["-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", "--basetemp", str(copy / "made")]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    command = [sys.executable, *words, *mutation.tests]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        return "noticed: its tests do not end", True
    finally:
        path.write_text(text, encoding="utf-8")
    if done.returncode == FAILED:
        first = next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
        return f"noticed: {first.partition('::')[2].split(' ')[0][:60]}", True
    return ("SURVIVED" if done.returncode == 0 else f"NOT RUN: pytest left with {done.returncode}"), False


if __name__ == "__main__":
    sys.exit(main())
