"""The verb `train`: footage -> corpus -> look."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from relook.check.judge import Judge, calibrate
from relook.compute import Crew, alone, choose_device, leading_crew, require_processes, resource_errors
from relook.corpus import Corpus, load_corpus
from relook.deliver.training_page import write_training_page
from relook.errors import DivergedError, InputError, LostShotError, RelookError, UsageError
from relook.film.fields import require_progressive
from relook.film.pictures.spaces import ColourSpace, find_space
from relook.film.publish import disk_errors, write_whole
from relook.film.reader import probe
from relook.film.sequence import find_footage
from relook.look import ENDING, Look, load_look, packed
from relook.pipeline.arguments import Paths, named, paths, refusing_wrong_settings
from relook.prepare.anchors import add_anchors, read_pair
from relook.prepare.footage import prepare_corpus
from relook.progress import OnProgress, ignore
from relook.recipe.files import read_recipe
from relook.recipe.presets import PRESETS
from relook.recipe.settings import Recipe
from relook.train.card import footage_of
from relook.train.checkpoint import checkpoints
from relook.train.folder import (
    CORPUS,
    Asked,
    note_made,
    opened_run,
    read_asked,
    refuse_changes,
    run_folder,
    was_made,
    write_asked,
)
from relook.train.loop import Run, Trained, train_look
from relook.train.supply import left_out, require_enough


def train(
    source: Paths,
    style: Paths,
    output: str | Path,
    *,
    preset: str | Path | Recipe = "film",
    budget_seconds: float | None = None,
    budget_frames: int | None = None,
    pairs: Sequence[tuple[str | Path, str | Path]] = (),
    colour_space: str | None = None,
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
        source: films, image sequences, or folders of stills or films, like those that the look will be applied to.
        style: footage of the same kinds, whose look is learned.
        output: the look file, `NAME.look`; its contact sheet, measures and `training.html` are kept beside it in `NAME.run`.
        preset: a name in `recipe.presets.PRESETS`, a TOML file as `recipe.files` reads it, or a recipe.
        budget_seconds: how long to train. Without any budget, training stops when unseen frames come no closer to the style.
        budget_frames: how many frames to see, instead of a time: the same footage, recipe, seed and CPU then give the same look.
        pairs: an artist's frames: pictures of a source frame and of what it should become, both display-referred.
        colour_space: the colour space of all source footage, as given to `apply`; style footage and pairs are read by their own
            tags.
        seed: by default the recipe's, which is 0 unless it says otherwise.
        resume: continue a run that was stopped, or begin if there is none. If a run was killed after its look was
            written, the look is loaded.
        fork: continue even if settings or footage have changed since.
        overwrite: replace an existing `output`, and a stopped run.
        device: "auto", "cpu", "cuda" or "cuda:n".
        processes: how many processes train together: over gloo on a CPU, with one GPU each otherwise.
    Raises:
        UsageError: the output cannot be written, an option is wrong, or there is no such colour space; nothing was changed.
        InputError: footage cannot be read or there is too little; nothing was changed.
        InputChangedError: the run to continue was begun with other footage.
        DivergedError: training failed more often than it may be rolled back; the best look so far was saved.
        ResourceError: disk or memory is full, or the device or another process failed; what was saved is intact.
        StoppedError: training was interrupted; what was done is saved in the run's folder.
    """
    target = named(output)
    recipe = _recipe(preset, seed=seed, budget_seconds=budget_seconds, budget_frames=budget_frames)
    chosen = choose_device(device)
    require_processes(processes, chosen)
    space = None if colour_space is None else find_space(colour_space)
    asked = Asked(
        name=target.stem,
        recipe=_shared_out(recipe, processes),
        source=_words(paths(source)),
        style=_words(paths(style)),
        pairs=tuple((_words([before])[0], _words([after])[0]) for before, after in pairs),
        colour_space=None if space is None else space.fingerprint,
        is_fork=fork,
    )
    if resume and was_made(target, asked):
        return load_look(target)
    _check_look_path(target, (*paths(source), *paths(style)), overwrite=overwrite)
    _check_footage(asked)
    with opened_run(target, resume=resume or fork, overwrite=overwrite) as folder:
        with resource_errors("preparing the footage"):
            corpus, asked = _corpus_of(folder, asked, space, on_progress=on_progress)

        def show(message: str = "", is_done: bool = False) -> None:
            write_training_page(folder, name=target.stem, is_done=is_done, message=message)

        run = Run(target.stem, folder, asked.footage, is_fork=asked.is_fork, on_check=show)
        try:
            with resource_errors("training"), _crew(folder, chosen, processes) as crew:
                trained = train_look(corpus, asked.recipe, run, crew, on_progress=on_progress)
        except RelookError as error:
            with suppress(RelookError):
                show(str(error), is_done=True)
            raise
        look = trained.look
        with resource_errors("calibrating the judge of the look"):
            judge, said = _judge_of(trained, recipe.seed, on_progress)
        show(" ".join(filter(None, (trained.diverged, said))), is_done=True)
        look, blob = packed(replace(look, judge=judge.to_tensors()), target)
        if not trained.diverged:
            note_made(folder, look.sha256)
        with disk_errors(target):
            write_whole(target, blob)
    if trained.diverged:
        raise DivergedError(
            f"training failed and was given up: {trained.diverged}; the best look so far is in {target}. "
            "Train again with another --seed, or check the footage for frames that do not belong"
        )
    return look


def _judge_of(trained: Trained, seed: int, on_progress: OnProgress) -> tuple[Judge, str]:
    """Calibrate the judge on what is left of the corpus; return it, and a message about what was left out."""
    corpus, look = trained.corpus, trained.look
    while True:
        try:
            judge = calibrate(look.generator, corpus, seed=seed, mechanics=look.card.mechanics, on_progress=on_progress)
            return judge, left_out(corpus)
        except LostShotError as error:
            corpus = corpus.without(error)
            require_enough(corpus)


def _corpus_of(
    folder: Path, asked: Asked, space: ColourSpace | None, *, on_progress: OnProgress
) -> tuple[Corpus, Asked]:
    """Return the corpus of a run (the one in its folder, if that still fits) and what is asked of the run now.

    Raises:
        UsageError, InputChangedError: the run to continue was begun with other settings or footage, and this is not a fork.
    """
    before = read_asked(folder)
    must_match = bool(checkpoints(folder)) and not asked.is_fork
    if must_match and before is None:
        raise UsageError(
            f"{folder} no longer holds its run's settings; --fork continues it all the same, --overwrite starts again"
        )
    if must_match and before is not None:
        asked = replace(asked, is_fork=before.is_fork)
        refuse_changes(before, replace(asked, footage=before.footage))
    corpus = _stored_corpus(folder, before, asked, must_match=must_match) if before is not None else None
    if corpus is None:
        shutil.rmtree(folder / CORPUS, ignore_errors=True)
        corpus = _prepared_corpus(folder / CORPUS, asked, space, on_progress)
    now = replace(asked, footage=footage_of(corpus))
    if must_match and before is not None:
        refuse_changes(before, now)
    write_asked(folder, now)
    return corpus, now


def _stored_corpus(folder: Path, before: Asked, asked: Asked, *, must_match: bool) -> Corpus | None:
    """Return the corpus in a run's folder; None if it is damaged or not made from the footage that is asked for."""
    now = (asked.source, asked.style, asked.pairs, asked.colour_space)
    if (before.source, before.style, before.pairs, before.colour_space) != now:
        return None
    try:
        corpus = load_corpus(folder / CORPUS)
    except InputError:
        return None
    return corpus if must_match or footage_of(corpus) == before.footage else None


def _prepared_corpus(root: Path, asked: Asked, space: ColourSpace | None, on_progress: OnProgress) -> Corpus:
    sources, styles = ([Path(path) for path in listed] for listed in (asked.source, asked.style))
    corpus = prepare_corpus(sources, styles, root, space=space, on_progress=on_progress)
    if not asked.pairs:
        return corpus
    pairs = [(Path(before), Path(after)) for before, after in asked.pairs]
    return add_anchors(corpus, pairs, least_px=asked.recipe.crop_px)


def _crew(folder: Path, device: torch.device, processes: int) -> AbstractContextManager[Crew]:
    """Return the crew for training: this process alone, or leading others."""
    if processes == 1:
        return nullcontext(alone(device))
    members = [sys.executable, "-m", "relook.train.peer", str(folder), device.type]
    return leading_crew(members, processes, device.type)


def _shared_out(recipe: Recipe, processes: int) -> Recipe:
    """Enlarge batches so that every process gets the same, even number of pairs."""
    if processes == 1:
        return recipe
    return replace(recipe, batch_pairs=-(-recipe.batch_pairs // (2 * processes)) * 2 * processes)


def _recipe(preset: str | Path | Recipe, **settings: Any) -> Recipe:
    """Return the recipe for a preset's name or a TOML file, or the one given, with the other settings applied."""
    asked = {name: value for name, value in settings.items() if value is not None}
    if any(name.startswith("budget") for name in asked):
        asked = {"budget_seconds": None, "budget_frames": None} | asked
    with refusing_wrong_settings():
        if isinstance(preset, Recipe):
            return replace(preset, **asked)
        if Path(preset).suffix == ".toml":
            return replace(read_recipe(Path(preset)), **asked)
        if str(preset) in PRESETS:
            return PRESETS[str(preset)](**asked)
    raise UsageError(f"there is no preset {preset!r}; give a TOML file, or one of the presets: {', '.join(PRESETS)}")


def _words(listed: Iterable[str | Path]) -> tuple[str, ...]:
    return tuple(str(Path(path).absolute()) for path in listed)


def _check_footage(asked: Asked) -> None:
    """Refuse footage that is missing or interlaced, and pairs that do not fit, before an earlier run is touched."""
    for path in (*asked.source, *asked.style):
        for film in find_footage(Path(path)):
            probe(film)
            require_progressive(film)
    for before, after in asked.pairs:
        read_pair(Path(before), Path(after), least_px=asked.recipe.crop_px)


def _check_look_path(output: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    if output.suffix != ENDING:
        raise UsageError(f"{output} is not named like a look; write for example {output.with_suffix(ENDING)}")
    if not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist; make it first, or write the look elsewhere")
    if output.is_dir() or any(output.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"{output} is a folder or one of the inputs; give the look a name of its own")
    if run_folder(output).exists() and not run_folder(output).is_dir():
        raise UsageError(
            f"{run_folder(output)} is a file, and the run's folder would go there; give the look another name"
        )
    if output.exists() and not overwrite:
        stopped = "; its training was stopped: --resume continues it" if checkpoints(run_folder(output)) else ""
        raise UsageError(f"{output} exists; choose another name, or --overwrite to replace it{stopped}")
    if any(run_folder(output).resolve() in path.resolve().parents for path in inputs):
        raise UsageError(
            f"footage lies in {run_folder(output)}, where the run would be kept; give the look another name"
        )
