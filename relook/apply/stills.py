"""Look + folder of stills -> folder of stills: each a shot of its own; what cannot be read is named, and the rest is done."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.frame import FrameRenderer, Layers, composed
from relook.apply.job import job_key
from relook.apply.passes import PassWriter, require_passes_place
from relook.apply.receipt import delivered_already, receipt_of_stills
from relook.apply.render import renderer_of
from relook.errors import InputError, UsageError
from relook.film.frames import Frame, Shot
from relook.film.identity import Watched
from relook.film.journal import was_being_shown
from relook.film.overlap import ahead
from relook.film.pictures.picture_file import Picture, picture_values
from relook.film.pictures.stills import (
    Refused,
    StillsFolder,
    StillsWriter,
    find_stills,
    read_stills,
    require_stills_place,
)
from relook.film.shots import content_hash
from relook.film.tally import frame_hash
from relook.look import Look
from relook.mechanics.marks import seed_of
from relook.progress import OnProgress, Progress, ignore
from relook.timing import FrameRange

STILL_RATE: Final = Fraction(24)
"""Frames a second that flicker is judged at: a still comes out as it does in a film of stills."""
_QUEUED_STILLS: Final = 2


def render_stills(
    folder: Path,
    look: Look,
    output: Path,
    *,
    settings: RenderSettings | None = None,
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render every picture of a folder and its sub-folders, under the same names.

    The marks of a still are seeded by its own content: the same picture comes out the same wherever it lies, and with
    `settings.wrap` wherever it begins.

    Raises:
        UsageError: the output cannot be written.
        InputError: there is no picture, or not one can be rendered; nothing was written.
        InputChangedError: a still was changed meanwhile; nothing was written.
    """
    settings = settings or RenderSettings()
    assert settings.frames is None, "stills have no range of frames"
    found = find_stills(folder)
    watched = Watched([found.path / name for name in found.stills], are_opened=False)
    key = job_key(found.path, watched, look, settings, choice=repr(found.stills))
    before = None if settings.overwrite else delivered_already(output, key)
    if before is not None:
        return before
    require_stills_place(output, found, overwrite=settings.overwrite or was_being_shown(output, key))
    if settings.passes is not None:
        require_passes_place(settings.passes, beside=output, dials=settings.dials)
    work = _Work(
        found, output, look, settings, renderer_of(look, settings, STILL_RATE, are_stills=True), list(found.closed)
    )
    passes = nullcontext() if settings.passes is None else PassWriter(settings.passes)

    def receipt(files: dict[str, str]) -> bytes:
        watched.require_unchanged()
        return receipt_of_stills(work.delivery(writer), files, found, look, settings, key)

    with passes as layers, StillsWriter(output, key=key, receipt=receipt, overwrite=settings.overwrite) as writer:
        done = writer.done
        rest = replace(found, stills=tuple(name for name in found.stills if name not in done))
        for number, still in enumerate(_rendered(rest, settings, work.renderer), len(done) + 1):
            on_progress(Progress("rendering", number, len(found.stills), unit="stills"))
            work.write(still, writer, layers)
        if not writer.count:
            raise InputError(f"no picture in {folder} can be rendered; the first: {work.refused[0].reason}")
    return work.delivery(writer)


@dataclass(frozen=True)
class _Work:
    """A folder of stills on its way through a look."""

    found: StillsFolder
    output: Path
    look: Look
    settings: RenderSettings
    renderer: FrameRenderer
    refused: list[Refused]

    def write(self, still: _Still | Refused, writer: StillsWriter, layers: PassWriter | None) -> None:
        """Write a still, or note why it cannot be."""
        if isinstance(still, Refused):
            self.refused.append(still)
            return
        frame, number = None if self.settings.dials.is_off else still.frame, writer.count
        told = {"frame_hash": frame_hash(still.frame), "content_hash": still.content_hash}
        try:
            writer.write(still.name, frame, still.picture, told)
        except (InputError, UsageError) as error:
            self.refused.append(Refused(still.name, str(error)))
            return
        if layers is not None and still.layers is not None:
            layers.add(number, still.layers, still.frame.beyond, still=still.name)

    def delivery(self, writer: StillsWriter) -> Delivery:
        """Say what came of it."""
        done = writer.done
        names = [name for name in self.found.stills if name in done]
        shots = (Shot(n, FrameRange(n, n + 1), done[name]["content_hash"]) for n, name in enumerate(names))
        takes = () if self.settings.wrap else self.found.takes
        return Delivery(
            self.output,
            FrameRange(0, len(names)),
            tuple(done[name]["frame_hash"] for name in names),
            tuple(shots),
            self.renderer.flicker,
            stills=tuple(names),
            left_out=writer.lost,
            num_clipped=writer.num_clipped,
            notes=tuple(_note(self.found.path, self.output, *take) for take in takes),
            refused=tuple(self.refused),
            others=self.found.others,
        )


def _note(folder: Path, output: Path, subfolder: Path, num_pictures: int) -> str:
    """Say that a sub-folder looks like a take: its grain and flicker are not those of frames that follow each other."""
    return (
        f"{subfolder} has {num_pictures} pictures numbered as one take, rendered here as stills, each by itself; as a take, "
        f"with its marks running from frame to frame, it is rendered alone: {folder / subfolder} -o {output}_{subfolder.name}"
    )


class _Still(NamedTuple):
    """A still that was read, and what became of it."""

    name: Path
    picture: Picture
    content_hash: str
    frame: Frame
    layers: Layers | None


def _rendered(
    folder: StillsFolder, settings: RenderSettings, renderer: FrameRenderer
) -> Generator[_Still | Refused, None, None]:
    """Give every still rendered, with its layers where they are wanted, or why it cannot be read."""
    with closing(ahead(read_stills(folder), depth=_QUEUED_STILLS)) as stills:
        for name, read in stills:
            if isinstance(read, Refused):
                yield read
                continue
            assert isinstance(read.picture, Picture)
            picture, layers, digest = replace(read.picture, space=settings.colour_space), None, content_hash(read).hex()
            try:
                pixels, beyond = picture_values(picture)
            except InputError as error:
                yield Refused(name, str(error))
                continue
            seed = seed_of(renderer.content_of(pixels, digest), settings.seed)
            if settings.passes is not None:
                layers = renderer.layers(pixels, seed=seed, number=0)
                pixels = composed(layers)
            elif not settings.dials.is_off:
                pixels = renderer.render(pixels, seed=seed, number=0)
            if not settings.dials.is_off:
                beyond = renderer.carried(beyond, seed=seed, number=0)
            yield _Still(name, picture, digest, Frame(0, 0, 1, pixels, beyond=beyond), layers)
