"""The verbs of relook, each a chain of rooms: footage -> corpus -> look -> film -> report."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from relook.apply.render import Delivery, RenderSettings, render_film
from relook.check.inspect import check_film
from relook.check.judge import calibrate
from relook.compute import Crew, alone, choose_device, leading_crew
from relook.corpus import Corpus, load_corpus
from relook.deliver.page import write_report
from relook.deliver.training_page import write_training_page
from relook.errors import DivergedError, UsageError
from relook.film.frames import FilmInfo
from relook.film.reader import probe
from relook.look import ENDING, Footage, Look, load_look, save_look
from relook.prepare.anchors import add_anchors
from relook.prepare.footage import prepare_corpus
from relook.progress import OnProgress, ignore
from relook.recipe.files import read_recipe
from relook.recipe.presets import PRESETS
from relook.recipe.settings import Dials, Recipe
from relook.report import Report
from relook.samples import sample_clip
from relook.timing import FrameRange, is_drop_frame, parse_timecode
from relook.train.card import footage_of
from relook.train.folder import CORPUS, Asked, opened_run, read_asked, refuse_changes, run_folder, write_asked
from relook.train.loop import Run, train_look

Paths = str | Path | Sequence[str | Path]

DEMO_BUDGET_SECONDS = 60.0
REPORT_PAGE = "report.html"


def train(
    source: Paths,
    style: Paths,
    output: str | Path,
    *,
    preset: str | Path | Recipe = "film",
    budget_seconds: float | None = None,
    budget_frames: int | None = None,
    pairs: Sequence[tuple[str | Path, str | Path]] = (),
    seed: int | None = None,
    resume: bool = False,
    fork: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    processes: int = 1,
    on_progress: OnProgress = ignore,
) -> Look:
    """Learn a look from two sets of footage and save it.

    Args:
        source: films, image sequences, or folders of stills or films, like those to be changed.
        style: footage of the same kinds, whose look is learned.
        output: the look file, `NAME.look`; its contact sheet, measures and `training.html` are kept in `NAME.run` beside it.
        preset: a name in `recipe.presets.PRESETS`, a TOML file as `recipe.files` reads it, or a recipe.
        budget_seconds: how long to refine. Without any budget training stops when unseen frames come no closer to the style.
        budget_frames: frames seen instead of a time: the same footage, recipe, seed and machine then give the same look.
        pairs: an artist's few frames: pictures of a source frame and of what it shall become.
        seed: 0 where neither this nor the recipe says otherwise.
        resume: go on with a run that was stopped; with nothing to go on with, begin.
        fork: go on even though settings or footage have changed since.
        overwrite: replace `output` where it exists, and a stopped run.
        device: "auto", "cpu", "cuda" or "cuda:n".
        processes: how many train together: on a CPU by gloo, on GPUs one each.
    Raises:
        UsageError: the output cannot be written, or an option is wrong; nothing was changed.
        InputError: footage cannot be read or is not enough; nothing was changed.
        InputChangedError: the run to go on with was begun with other footage.
        DivergedError: training went wrong more often than it can be rolled back; the best look so far was saved.
        StoppedError: an interrupt came; what was done is saved in the run's folder.
    """
    sources, styles, target = _paths(source), _paths(style), Path(output)
    anchors = tuple((str(Path(before).absolute()), str(Path(after).absolute())) for before, after in pairs)
    recipe = _recipe(preset, seed=seed, budget_seconds=budget_seconds, budget_frames=budget_frames)
    recipe = replace(recipe, batch_pairs=max(recipe.batch_pairs, 2 * processes))
    chosen = choose_device(device)
    _check_look_path(target, (*sources, *styles), overwrite=overwrite)
    with opened_run(target, resume=resume or fork, overwrite=overwrite) as folder:
        asked = Asked(target.stem, recipe, _words(sources), _words(styles), anchors)
        corpus, footage = _corpus_of(folder, asked, is_fork=fork, on_progress=on_progress)

        def show(message: str = "", is_done: bool = False) -> None:
            write_training_page(folder, name=target.stem, is_done=is_done, message=message)

        run = Run(target.stem, folder, footage, is_fork=fork, on_check=show)
        with _crew(folder, chosen, processes, is_fork=fork) as crew:
            trained = train_look(corpus, recipe, run, crew, on_progress=on_progress)
        look = trained.look
        judge = calibrate(look.generator, corpus, seed=recipe.seed, wear=look.card.wear, on_progress=on_progress)
        look = save_look(replace(look, judge=judge.to_tensors()), target)
        show(trained.diverged, is_done=True)
    if trained.diverged:
        raise DivergedError(
            f"training went wrong and was given up: {trained.diverged}; the best look until then is in {target}. "
            "Train again with another --seed, or look at the footage for frames that do not belong"
        )
    return look


def _corpus_of(
    folder: Path, asked: Asked, *, is_fork: bool, on_progress: OnProgress
) -> tuple[Corpus, tuple[Footage, ...]]:
    """Return the corpus of a run, the one in its folder where that is still what was asked for, and its footage."""
    before = read_asked(folder)
    if before is not None and (folder / CORPUS).is_dir():
        corpus = load_corpus(folder / CORPUS)
        now = replace(asked, footage=footage_of(corpus))
        if not is_fork:
            refuse_changes(before, now)
        if before == replace(now, recipe=before.recipe):
            write_asked(folder, now)
            return corpus, now.footage
    shutil.rmtree(folder / CORPUS, ignore_errors=True)
    sources, styles = ([Path(path) for path in paths] for paths in (asked.source, asked.style))
    corpus = prepare_corpus(sources, styles, folder / CORPUS, on_progress=on_progress)
    if asked.pairs:
        corpus = add_anchors(corpus, [(Path(before), Path(after)) for before, after in asked.pairs])
    footage = footage_of(corpus)
    write_asked(folder, replace(asked, footage=footage))
    return corpus, footage


def _crew(folder: Path, device: torch.device, processes: int, *, is_fork: bool) -> AbstractContextManager[Crew]:
    """Return the crew that trains: this process alone, or leading others."""
    if processes == 1:
        return nullcontext(alone(device))
    members = [sys.executable, "-m", "relook.train.peer", str(folder), device.type, *(["fork"] if is_fork else [])]
    return leading_crew(members, processes, device.type)


def apply(
    film: str | Path,
    look: Look | str | Path,
    output: str | Path,
    *,
    strength: float = 1.0,
    grade: float = 1.0,
    detail: float = 1.0,
    texture: float = 1.0,
    seed: int = 0,
    frames: FrameRange | str | None = None,
    tile_rows: int | None = None,
    overwrite: bool = False,
    device: str = "auto",
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render a film in a look.

    Args:
        film: a film file, or an image sequence or its folder.
        look: a look, its file, or the name of one that ships with relook.
        output: the film or sequence to write; its ending chooses the container.
        strength, grade, detail, texture: the dials, 0 to 1; all at 0 give the source back bit for bit.
        seed: chooses grain, dust and scratches.
        frames: only this part: a range of frame numbers, or text such as "00:00:02:00-00:00:04:12" (the end is not
            in it) in the film's own timecode. A part keeps the sound that goes with it.
        tile_rows: work in tiles of so many rows; the frames come out the same.
        overwrite: replace `output` where it exists.
        device: "auto", "cpu", "cuda" or "cuda:n".
    Raises:
        UsageError: the output cannot be written or is the film itself; nothing was changed.
        InputError: the film or the look cannot be read; nothing was changed.
    """
    path = Path(film)
    with _refusing_wrong_settings():
        dials = Dials(strength=strength, grade=grade, detail=detail, texture=texture)
    settings = RenderSettings(
        dials=dials,
        seed=seed,
        frames=parse_range(frames, probe(path)) if isinstance(frames, str) else frames,
        tile_rows=tile_rows,
        device=choose_device(device),
        overwrite=overwrite,
    )
    return render_film(path, _loaded(look), Path(output), settings=settings, on_progress=on_progress)


def check(
    film: str | Path,
    look: Look | str | Path,
    *,
    source: str | Path | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = ignore,
) -> Report:
    """Judge every shot of a film that a look was applied to.

    Args:
        film: the rendered film.
        look: the look that it was rendered in.
        source: the film before the look; with it content, geometry and steadiness are measured too.
        output: a folder for `report.json` and `report.html`; None writes nothing.
        overwrite: replace a report that is in `output`.
    Raises:
        UsageError: the report cannot be written; nothing was changed.
        InputError: a film or the look cannot be read; nothing was changed.
    """
    path, before = Path(film), Path(source) if source is not None else None
    folder = Path(output) if output is not None else None
    if folder is not None:
        _check_report_folder(folder, overwrite=overwrite)
    report = check_film(path, _loaded(look), source=before, on_progress=on_progress)
    if folder is not None:
        write_report(report, folder, film=path, source=before, on_progress=on_progress)
    return report


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    source: Path
    """The live-action clip that both looks were applied to."""
    look: Path
    """The look that was trained."""
    films: tuple[Path, ...]
    reports: tuple[Report, ...]
    """The verdicts on `films`, in their order."""
    pages: tuple[Path, ...]
    """The pages of `reports`."""


def demo(output: str | Path = "demo", *, device: str = "auto", on_progress: OnProgress = ignore) -> DemoResult:
    """Show relook on sample clips: the shipped silent-film look, and one trained on the spot from an animated film.

    Args:
        output: the folder to write to; what an earlier demo left there is replaced, anything else stays.
        device: "auto", "cpu", "cuda" or "cuda:n".
    """
    folder = Path(output)
    live_action, animation = sample_clip("bikes"), sample_clip("bigbuckbunny")
    _make_folder(folder)
    silent, own = folder / "bikes_silent.mp4", folder / "bikes_bunny.mp4"
    apply(live_action, "silent", silent, overwrite=True, device=device, on_progress=on_progress)
    trained = train(
        live_action,
        animation,
        folder / "bunny.look",
        budget_seconds=DEMO_BUDGET_SECONDS,
        overwrite=True,
        device=device,
        on_progress=on_progress,
    )
    apply(live_action, trained, own, overwrite=True, device=device, on_progress=on_progress)
    looks: tuple[tuple[Path, Look | str], ...] = ((silent, "silent"), (own, trained))
    reports = tuple(
        check(film, look, source=live_action, output=report_folder(film), overwrite=True, on_progress=on_progress)
        for film, look in looks
    )
    return DemoResult(
        source=live_action,
        look=folder / "bunny.look",
        films=(silent, own),
        reports=reports,
        pages=tuple(report_folder(film) / REPORT_PAGE for film in (silent, own)),
    )


def report_folder(film: Path) -> Path:
    """Return the folder beside a film where its report goes by default."""
    return film.with_name(f"{film.stem}.report")


def parse_range(text: str, film: FilmInfo) -> FrameRange:
    """Return the frames of "TC-TC", in the timecode that the film counts in (from zero where it carries none)."""
    first = film.timecode or "00:00:00:00"
    ends = text.replace(";", ":").split("-")
    if is_drop_frame(first):
        ends = [";".join(end.rsplit(":", 1)) for end in ends]
    try:
        start, stop = (parse_timecode(end.strip(), film.frame_rate) for end in ends)
        zero = parse_timecode(first, film.frame_rate)
        return FrameRange(start - zero, stop - zero)
    except (ValueError, UsageError) as error:
        raise UsageError(
            f"{text!r} is no range of {film.path.name}, which starts at {first} ({error}); "
            "write for example 00:00:02:00-00:00:04:12, the end not included"
        ) from error


def _paths(value: Paths) -> tuple[Path, ...]:
    return (Path(value),) if isinstance(value, str | Path) else tuple(Path(item) for item in value)


def _loaded(look: Look | str | Path) -> Look:
    return look if isinstance(look, Look) else load_look(look)


def _recipe(preset: str | Path | Recipe, **settings: Any) -> Recipe:
    """Return the recipe of a preset's name, of a TOML file, or as given, with what else was asked for."""
    asked = {name: value for name, value in settings.items() if value is not None}
    if any(name.startswith("budget") for name in asked):
        asked = {"budget_seconds": None, "budget_frames": None} | asked
    with _refusing_wrong_settings():
        if isinstance(preset, Recipe):
            return replace(preset, **asked)
        if Path(preset).suffix == ".toml":
            return replace(read_recipe(Path(preset)), **asked)
        if str(preset) in PRESETS:
            return PRESETS[str(preset)](**asked)
    raise UsageError(f"there is no preset {preset!r}; give a TOML file, or one of the presets: {', '.join(PRESETS)}")


def _words(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(str(path.absolute()) for path in paths)


@contextmanager
def _refusing_wrong_settings() -> Iterator[None]:
    """Turn what a settings class says of a wrong value into an error for the user."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check_look_path(output: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    if output.suffix != ENDING:
        raise UsageError(f"{output} is not named like a look; write for example {output.with_suffix(ENDING)}")
    if not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist; make it first, or write the look elsewhere")
    if output.is_dir() or any(output.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"{output} is a folder or one of the inputs; give the look a name of its own")
    if run_folder(output).exists() and not run_folder(output).is_dir():
        raise UsageError(
            f"{run_folder(output)} is a file where the folder of the run would be; name the look otherwise"
        )
    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists; choose another name, or --overwrite to replace it")


def _check_report_folder(folder: Path, *, overwrite: bool) -> None:
    if not folder.parent.is_dir():
        raise UsageError(f"the folder {folder.parent} does not exist; make it first, or write the report elsewhere")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give the report a folder of its own with -o")
    if (folder / REPORT_PAGE).exists() and not overwrite:
        raise UsageError(f"{folder} holds a report; choose another folder, or --overwrite to replace it")


def _make_folder(folder: Path) -> None:
    if not folder.parent.is_dir() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} cannot be a folder to write to; name one whose parent folder exists")
    folder.mkdir(exist_ok=True)
