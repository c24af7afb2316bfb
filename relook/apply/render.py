"""Look + film -> film: decode, render and encode side by side, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.exposures import renderer_of, shown_frames
from relook.apply.frame import FrameRenderer
from relook.apply.job import job_key, take_key
from relook.apply.passes import PassWriter, require_passes_place
from relook.apply.receipt import delivered_already, made_before, receipt_for
from relook.errors import InputError, UsageError
from relook.film.container.ledger import timecode_of
from relook.film.fields import require_progressive
from relook.film.frames import FilmInfo, Frame, Shot, WriteSettings
from relook.film.identity import Watched, watch
from relook.film.journal import was_being_shown
from relook.film.output_place import check_output
from relook.film.pictures.picture_files import picture_names
from relook.film.reader import TO_END, FilmReader
from relook.film.sequence import is_pattern, unlisted
from relook.film.shots import find_shots
from relook.film.words import pictures_words
from relook.film.writer import FilmWriter, Job, Written
from relook.look import Look
from relook.progress import OnProgress, Progress, ignore
from relook.timing import FrameRange

UNEVEN = "the frames are unevenly spaced in time, which numbered pictures cannot record: played at one rate, they move unevenly"


def render_film(
    film: Path,
    look: Look,
    output: Path,
    *,
    settings: RenderSettings | None = None,
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render a film in a look: one frame out for every frame in, with its pts; sound and tags are kept.

    An interrupted render continues after the last stretch of frames that is safe on disk, and gives the same film.

    Raises:
        UsageError: the output cannot be written, or the range holds no frame.
        InputError: the film cannot be read to its end, or is interlaced, and `settings.mending` does not allow for that.
        InputChangedError: the film was changed while it was read.
    """
    settings = settings or RenderSettings()
    with FilmReader(film, settings.mending, settings.colour_space) as reader:
        source = watch(reader.info)
        key = job_key(reader.info.path, source, look, settings)
        before = None if settings.overwrite else delivered_already(output, key)
        if before is not None:
            return before
        take = take_key(reader.info, source, look, settings, output)
        beside = _beside(reader.info, output, settings, take)
        left_out = _require_all(reader, output, settings, key, beside)
        taken = pictures_words(reader.info, settings.frames)
        tell_before_work(taken, left_out, on_progress)
        shots = _shots(film, settings, on_progress) if settings.dials.of("texture") else ()
        renderer = renderer_of(look, settings, reader.info.frame_rate)
        work = _Work(output, reader, look, settings, key, take, shots, left_out, taken, renderer)
        work.require_range()
        return _done(work, source, beside, on_progress)


def _done(work: _Work, source: Watched, beside: frozenset[str], on_progress: OnProgress) -> Delivery:
    """Render the frames that are not done yet, write them and publish the film."""
    settings, info = work.settings, work.reader.info
    cuts = frozenset(shot.frames.start for shot in work.shots)
    job = Job(work.key, source, work.receipt, cuts, work.total, beside)
    passes = nullcontext() if settings.passes is None else PassWriter(settings.passes)
    writing = partial(
        FilmWriter,
        work.output,
        info,
        _writing(settings),
        overwrite=settings.overwrite,
        job=job,
    )
    with passes as layers, writing() as writer:
        if writer.num_done:
            on_progress(Progress("going on", writer.num_done, work.total))
        for count, frame in enumerate(work.frames(writer.num_done, layers), start=writer.num_done + 1):
            (writer.copy if settings.dials.is_off else writer.write)(frame)
            on_progress(Progress("rendering", count, work.total))
        if not writer.num_given:
            raise UsageError(f"{info.path} has no frame in the range asked for; it ends before frame {work.first}")
    return work.delivery(writer.written)


def _beside(info: FilmInfo, output: Path, settings: RenderSettings, take: str) -> frozenset[str]:
    """Name the pictures that earlier ranges of the same take gave, and that this one does not make."""
    if settings.frames is None:
        return frozenset()
    before = made_before(output, take)
    return before.difference(picture_names(output, info, settings.frames)) if before else before


def _require_all(
    reader: FilmReader, output: Path, settings: RenderSettings, key: str | None, beside: frozenset[str]
) -> tuple[str, ...]:
    """Refuse what cannot be done before any work; return in words what of the source the output will not hold."""
    info, is_replaced = reader.info, settings.overwrite or was_being_shown(output, key)
    left_out = check_output(output, info, _writing(settings), overwrite=is_replaced, beside=beside)
    if settings.passes is not None:
        require_passes_place(settings.passes, beside=output, dials=settings.dials)
    if not settings.mending.deinterlaces:
        require_progressive(info.path)
    return left_out


def _writing(settings: RenderSettings) -> WriteSettings:
    return WriteSettings(
        whole=settings.frames is None, keeps_damage=settings.mending.keeps_damage, untouched=settings.dials.is_off
    )


def _shots(film: Path, settings: RenderSettings, on_progress: OnProgress) -> tuple[Shot, ...]:
    return find_shots(film, mending=settings.mending, space=settings.colour_space, on_progress=on_progress)


@dataclass(frozen=True)
class _Work:
    """A film being rendered."""

    output: Path
    reader: FilmReader
    look: Look
    settings: RenderSettings
    key: str | None
    take: str
    shots: tuple[Shot, ...]
    left_out: tuple[str, ...]
    taken: str
    renderer: FrameRenderer

    @property
    def first(self) -> int:
        """Number of the first frame that is wanted."""
        return self.settings.frames.start if self.settings.frames else 0

    @property
    def total(self) -> int | None:
        """How many frames there will be, if known."""
        if self.settings.frames:
            return len(self.settings.frames)
        return self.shots[-1].frames.stop if self.shots else self.reader.info.num_frames

    def require_range(self) -> None:
        """Refuse a range beyond the film's end, as soon as its length is known.

        Raises:
            UsageError: the range is empty.
            InputError: it ends after the film.
        """
        wanted, info = self.settings.frames, self.reader.info
        if wanted is not None and not wanted:
            raise UsageError(f"the range asked for holds no frame of {info.path}: it begins where it ends")
        there = self.shots[-1].frames.stop if self.shots else None
        if wanted is not None and there is not None and wanted.stop > there:
            raise InputError(
                f"{info.path} has {there} frames, up to {timecode_of(there, info)}, but frames {wanted.start} to "
                f"{wanted.stop - 1} were asked for; give a range in it"
            )

    def frames(self, num_done: int, passes: PassWriter | None) -> Iterator[Frame]:
        """Yield the rendered frames after those that are done."""
        stop = self.settings.frames.stop if self.settings.frames else TO_END
        ranges = [FrameRange(self.first + num_done, stop)] if num_done or self.settings.frames else None
        if ranges is None or ranges[0]:
            seed = self.settings.seed
            yield from shown_frames(self.reader, ranges, self.shots, self.renderer, seed=seed, passes=passes)

    def delivery(self, written: Written) -> Delivery:
        """Describe the result."""
        tally, notes = written.tally, []
        if self.settings.mending.deinterlaces and not self.reader.deinterlaces:
            notes.append("no combing was found: the frames were not deinterlaced")
        if written.forgets_time and tally.is_uneven:
            notes.append(UNEVEN)
        strange = self.strange(written)
        if strange:
            notes.append(
                f"{len(strange)} other pictures match {self.output.name}, the first is {strange[0].name}: they are not of this "
                f"render, and its receipt tells nothing of them; remove what is out of date"
            )
        return Delivery(
            self.output,
            FrameRange(self.first, self.first + len(tally.hashes)),
            tuple(tally.hashes),
            self.shots,
            self.renderer.flicker,
            left_out=with_unforeseen(self.left_out, written.lost_layers),
            notes=tuple(notes),
            damage=tally.damage,
            num_lost_packets=written.num_lost_packets,
            num_clipped=tally.num_clipped,
            colour_space=self.settings.colour_space.name if self.settings.colour_space and written.keeps_space else "",
            taken=self.taken,
        )

    def strange(self, written: Written) -> list[Path]:
        """List the pictures that a pattern stands for and that neither this render made nor earlier ranges of the same take."""
        if not is_pattern(self.output):
            return []
        return unlisted(self.output, {*written.files, *made_before(self.output, self.take)})

    def receipt(self, written: Written) -> bytes:
        """Return the receipt."""
        told = (self.reader.info, self.look, self.settings, self.key)
        return receipt_for(self.delivery(written), written, *told, take=self.take)


def tell_before_work(taken: str, left_out: Sequence[str], on_progress: OnProgress) -> None:
    """Report which pictures are rendered, if it is pictures, and what the output will change or leave out."""
    for stage, words in (("taken", taken), ("changed or left out", "; ".join(left_out))):
        if words:
            on_progress(Progress(stage, 0, 0, detail=words))


def with_unforeseen(left_out: Sequence[str], lost: Iterable[str]) -> tuple[str, ...]:
    """Add what only later pictures of a take held to what the first one let foresee."""
    return tuple(dict.fromkeys((*left_out, *lost)))
