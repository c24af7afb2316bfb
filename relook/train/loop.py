"""The training loop: a corpus in, a look out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from relook import faults
from relook.compute import Crew, lack
from relook.corpus import Corpus, Lost
from relook.errors import InputError, ResourceError, StoppedError
from relook.look import Card, Footage, Look, to_thumbnail
from relook.nets.generator import Generator
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.settings import Recipe
from relook.train.card import software_versions
from relook.train.checkpoint import Saved, checkpoints, read_checkpoint, step_of, write_checkpoint
from relook.train.checks import check, on_cpu
from relook.train.clock import Clock
from relook.train.course import Course
from relook.train.heldout import HeldOut
from relook.train.interrupt import holding_signals
from relook.train.journal import Journal
from relook.train.parts import in_parts
from relook.train.remark import already_in_style, doubt_of_tone, remark
from relook.train.start import start_generator
from relook.train.state import SCARCE_SHOTS, TrainState, restore_all, set_rates, start_state, tensors_of_all
from relook.train.step import train_step
from relook.train.supply import Supply, left_out, put_aside
from relook.train.watch import Unsound, find_trouble, roll_back, skip

SAVE_SECONDS = 60.0
"""At least so often is a checkpoint written."""
LOG_STEPS = 10


@dataclass(frozen=True)
class Run:
    """What a training run is given beside its corpus and its recipe."""

    name: str
    """What the look is called."""
    folder: Path
    """An existing folder for checkpoints, `metrics.jsonl` and the contact sheet `sheet.jpg`."""
    footage: tuple[Footage, ...] = ()
    """What the corpus was made from."""
    is_fork: bool = False
    """True where the recipe or the footage may differ from what the checkpoint was trained with."""
    on_check: Callable[[], None] = lambda: None
    """Called when the journal and the contact sheet are up to date."""
    now: Callable[[], float] = time.monotonic
    """What the seconds of a budget are read from."""


@dataclass(frozen=True)
class Trained:
    """What training came to."""

    look: Look
    """The best by held-out measures."""
    corpus: Corpus
    """What is left of it."""
    diverged: str = ""
    """Why training had to be given up; empty where it ended as it should."""


def train_look(corpus: Corpus, recipe: Recipe, run: Run, crew: Crew, *, on_progress: OnProgress = ignore) -> Trained:
    """Train a look: first pass, adversarial refinement, and of all that was checked on held-out frames the best.

    Goes on from the newest checkpoint in the run's folder where there is one. The first pass and the measures run on the CPU.

    Raises:
        StoppedError: an interrupt or a termination came; the run was saved.
        InputError: a newer relook wrote the checkpoint, or too much of the corpus was lost meanwhile.
        ResourceError: the disk is full, there is not the memory for a single pair, or the device failed; the last checkpoint is
            whole.
    """
    corpus = corpus.stamped()
    state, held_out, said = begin(corpus, recipe, run, crew, on_progress)
    course = state.course
    journal = Journal(run.folder if crew.leads else None, course, recipe.frames_a_step)

    def tell(lost: Lost) -> None:
        journal.trouble(course, lost.why, f"the clip {lost.name} is left out")
        if crew.leads:
            put_aside(corpus, lost)

    supply = Supply(corpus, recipe, on_cpu(state.start), tell)
    clock = Clock(recipe, course, run.now)
    if said:
        journal.trouble(course, said, "the run goes on from an earlier one, or begins again")
    if course.step == 0:
        journal.check(course, "first pass", course.first, is_kept=True)
    diverged, saved_seconds = "", course.seconds
    with holding_signals() as signal_held, saved_in_need(state, run, crew):
        show(state, held_out, run, journal)
        moment = clock.tick(course, crew)
        while not moment.is_over:
            # One step.
            set_rates(state, recipe, moment.rate_factor)
            trouble, unsound, terms, at_once = "", "", {}, course.pairs_at_once
            try:
                numbers = own_share(recipe, course.step, crew)
                batch = supply.draw(state.mechanics, numbers).to(crew.device)
                terms = train_step(state, recipe, batch, crew)
                trouble = find_trouble(course, terms)
            except Unsound as error:
                unsound = str(error)
            course.step += 1

            # What it led to.
            if course.pairs_at_once != at_once:
                said = f"from now on {course.pairs_at_once} of the {len(numbers)} pairs of a step go through the nets at once"
                journal.trouble(course, "out of memory", f"{said}; the steps are the same, but for rounding")
            if unsound:
                trouble = skip(course, unsound, journal)
            if trouble and not roll_back(state, trouble, journal):
                diverged = trouble
                break
            if terms and course.step % LOG_STEPS == 0:
                journal.write("terms", course, **terms)
            is_check = clock.is_check(moment, clock.tick(course, crew), course)
            if is_check:
                check(state, held_out, recipe, journal, crew)
                show(state, held_out, run, journal)

            # Keep it, and tell.
            number = round(crew.agree(signal_held()))
            if is_check or number or course.seconds - saved_seconds > SAVE_SECONDS:
                saved_seconds = course.seconds
                save(state, run, crew)
            if number:
                raise StoppedError(f"training was stopped after step {course.step}; --resume continues it", number)
            said = remark(course, clock.seconds_left(course))
            on_progress(Progress("training", clock.done(course), clock.total, clock.unit, said))
            moment = clock.read(course)
    journal.write("end", course, reason=diverged or ENDED[clock.total is None])
    show(state, held_out, run, journal)
    remarks = in_parts(course, recipe.batch_pairs // crew.size), left_out(supply.corpus)
    return Trained(finish(state, held_out, corpus, recipe, run, remarks), supply.corpus, diverged)


ENDED = {True: "unseen frames no longer come closer to the style", False: "the budget is spent"}


def begin(
    corpus: Corpus, recipe: Recipe, run: Run, crew: Crew, on_progress: OnProgress
) -> tuple[TrainState, HeldOut, str]:
    """Return the state to go on from, of the newest checkpoint or of the first pass; what measures it; what is to be said."""
    saved, tensors, said = read_checkpoint(run.folder)
    if saved is not None:
        state = start_state(Generator(recipe.generator), recipe, saved.course, crew.device)
        state.mechanics = saved.mechanics
        state.is_augmented = saved.is_augmented if recipe.augment is None else recipe.augment
        restore_all(state, tensors)
        held_out = HeldOut(corpus, state.mechanics, on_cpu(state.start))
        if run.is_fork:
            state.course.first, state.course.kept = (held_out.measure(on_cpu(g)) for g in (state.start, state.best))
        return state, held_out, said
    on_progress(Progress("first pass", 0, None))
    start = start_generator(corpus, recipe)
    held_out = HeldOut(corpus, start.mechanics, start.generator)
    first = held_out.measure(start.generator)
    course = Course(first=first, kept=first, withheld=start.withheld)
    state = start_state(start.generator, recipe, course, crew.device)
    state.mechanics = start.mechanics
    is_scarce = len(corpus.side("style")) <= SCARCE_SHOTS
    state.is_augmented = recipe.augment if recipe.augment is not None else is_scarce
    return state, held_out, said


def own_share(recipe: Recipe, step: int, crew: Crew) -> range:
    """Return the numbers of the samples that a member of the crew draws for a step."""
    share = recipe.batch_pairs // crew.size
    first = step * recipe.batch_pairs + crew.rank * share
    return range(first, first + share)


def show(state: TrainState, held_out: HeldOut, run: Run, journal: Journal) -> None:
    """Write the contact sheet of the best look so far; training goes on where that fails."""
    if not journal.is_kept:
        return
    try:
        faults.point("sheet")
        held_out.sheet(state.best, run.folder / "sheet.jpg")
        run.on_check()
    except (OSError, ResourceError) as error:
        journal.trouble(state.course, str(error), "training goes on without the picture")


def save(state: TrainState, run: Run, crew: Crew) -> None:
    """Write a checkpoint."""
    if crew.leads:
        saved = Saved(state.course, state.mechanics, state.is_augmented)
        write_checkpoint(run.folder, saved, tensors_of_all(state))


@contextmanager
def saved_in_need(state: TrainState, run: Run, crew: Crew) -> Iterator[None]:
    """Save the run, where that can be, before it is ended for want of footage, memory or a device.

    What a step that failed half-way taught the critic stays with it; the step is taken again.

    Raises:
        ResourceError: there was no memory, or the device failed.
    """
    try:
        yield
    except (InputError, RuntimeError, MemoryError) as error:
        said = lack(error)
        if not (said or isinstance(error, InputError)):
            raise
        kept = rescued(state, run, crew)
        if isinstance(error, InputError):
            raise
        parts = f", with {state.course.pairs_at_once} pairs at once" if state.course.pairs_at_once else ""
        raise ResourceError(f"training step {state.course.step}{parts}: {said}. {kept}") from error


def rescued(state: TrainState, run: Run, crew: Crew) -> str:
    """Save the run, if the nets can still be read and are sound; say from where it can be gone on with."""
    try:
        if crew.leads and all(tensor.isfinite().all() for tensor in tensors_of_all(state).values()):
            save(state, run, crew)
    except (RuntimeError, MemoryError, ResourceError):
        pass  # what was saved before is whole
    if not (there := checkpoints(run.folder)):
        return "Nothing had been saved yet; begin again"
    return f"--resume continues from step {step_of(there[-1])}, here or elsewhere"


def finish(
    state: TrainState, held_out: HeldOut, corpus: Corpus, recipe: Recipe, run: Run, remarks: tuple[str, ...]
) -> Look:
    """Make the look of the best state."""
    best, course = state.best, state.course
    said = already_in_style(best, held_out.frames) or doubt_of_tone(course)
    card = Card(
        name=run.name,
        recipe=recipe,
        mechanics=state.mechanics,
        reach_px=best.detail.reach,
        footage=run.footage,
        sufficiency=" ".join(filter(None, (corpus.sufficiency.text, said, *remarks))),
        measures={
            **asdict(course.kept),
            "steps": float(course.step),
            "kept_step": float(course.kept_step),
            **({"pairs_at_once": float(course.pairs_at_once)} if course.pairs_at_once else {}),
        },
        software=software_versions(),
    )
    before = held_out.frames[0]
    thumbnails = {"before": to_thumbnail(before), "after": to_thumbnail(best.deterministic(before[None])[0])}
    return Look(card=card, generator=best.eval().requires_grad_(False), thumbnails=thumbnails)
