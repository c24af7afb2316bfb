"""What becomes of each thing that a film holds on its way into an output, found out by writing a small one in memory.

Sound, subtitles, further pictures, fonts, transparency and the turn of the pictures are kept, or the output is
refused. Anything else that the output cannot hold is left out, and reported before work begins.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from av import VideoFormat

from relook.errors import UsageError
from relook.film.colour import BT470BG, BT601, is_full_range, is_rgb, matrix_of
from relook.film.container.codecs import Plan, film_endings, plan_film
from relook.film.container.inventory import CARRIED, Inventory, Kind, Track, inventory
from relook.film.container.output import QUICKTIME_CODES
from relook.film.container.picture_fate import (
    FLAT_PICTURES,
    PICTURES,
    PROFILE,
    as_picture_files,
    of_picture_files,
    picture_changes,
    sampling_of,
)
from relook.film.container.picture_fate import Fate as Fate
from relook.film.container.trial import picture_refusal, refused_tracks, try_writing
from relook.film.frames import WHOLE, ColourTags, FilmInfo, WriteSettings
from relook.film.pictures.alpha import has_alpha
from relook.film.pictures.metadata import lost_metadata
from relook.film.pictures.picture import holds_timecode
from relook.film.sequence import PICTURE_ENDINGS
from relook.timing import rate_text

_NEVER_LEFT_OUT: Final[tuple[Kind, ...]] = ("video", "sound", "subtitles", "attachment")
_OTHER_ENDINGS: Final = (".mkv", ".mov", ".mp4")

_TIMED_PICTURES: Final = {".exr", ".dpx"}
_SHAPED_PICTURES: Final = {*_TIMED_PICTURES, ".tif", ".tiff", ".png"}
_MATROSKA_TICK: Final = Fraction(1, 1000)
_USUAL_LAYOUTS: Final = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}


def fates(found: Inventory, path: Path, *, codec: str | None = None, untouched: bool = False) -> tuple[Fate, ...]:
    """Say what becomes of everything that a film holds when it is rendered, or handed on untouched, to a film or pictures.

    Raises:
        UsageError: the ending or the codec is not known.
    """
    if path.suffix.lower() not in film_endings():
        return (Fate(PICTURES, "kept"),) if untouched and _are_copied(found.film, path) else _as_pictures(found, path)
    plan = plan_film(path, found.film, codec=codec, untouched=untouched)
    refusal = _refused_pictures(found.film, plan)
    if refusal is not None:
        return (refusal,)
    pictures = [*_picture_fates(found, plan), *_alpha_fates(found, plan)]
    pictures += of_picture_files(found, frozenset((path.suffix.lower(),)))
    if found.film.kind != "film":
        pictures += _metadata_fates(found.film, path)
    refused = refused_tracks(found, plan)
    trial = try_writing(found, plan, [track for track in found.of_kind(*CARRIED) if track.index not in refused])
    facts = _fact_fates(found, trial, path)
    facts += _colour_fates(found.film, trial.film, plan)
    return (*pictures, *facts, *_track_fates(found, trial, refused, path))


def _are_copied(film: FilmInfo, path: Path) -> bool:
    """Say whether untouched pictures are copied file by file: into a folder, or if they have the ending already."""
    endings = {picture.suffix.lower() for picture in film.pictures}
    return bool(endings) and (path.suffix.lower() not in PICTURE_ENDINGS or endings == {path.suffix.lower()})


def told(fates: tuple[Fate, ...]) -> tuple[str, ...]:
    """List in words what is changed or left out."""
    return tuple(str(fate) for fate in fates if fate.end in ("left out", "changed"))


def carried(found: Inventory, plan: Plan) -> list[Track]:
    """List the streams that the output takes as they are."""
    refused = refused_tracks(found, plan)
    return [track for track in found.of_kind(*CARRIED) if track.index not in refused]


def require_holdable(
    path: Path, source: FilmInfo, settings: WriteSettings = WHOLE, *, in_space: bool = False
) -> tuple[str, ...]:
    """Refuse an output that cannot hold the pictures or what must not be lost; list in words what is changed or left out.

    If the pictures' colour space was named (`in_space`), their profile does not apply and may be lost.

    Raises:
        UsageError: the ending, the codec, or a stream does not fit.
    """
    found = inventory(source)
    if not settings.with_audio:
        found = replace(found, tracks=found.of_kind("pictures"))
    ends = fates(
        found if settings.whole else replace(found, chapters=()),
        path,
        codec=settings.codec,
        untouched=settings.untouched,
    )
    if found.chapters and not settings.whole:
        ends += (Fate("chapters", "left out", "a part of a film has none"),)
    for fate in ends:
        if fate.end == "refused" and not (in_space and fate.what == PROFILE):
            raise UsageError(f"{path.suffix} cannot hold the {fate.what} of {source.path}; {fate.why}")
    return told(ends)


def _as_pictures(found: Inventory, path: Path) -> tuple[Fate, ...]:
    """Say what becomes of a film that is written as pictures; beside colours, some hold timecode and pixel aspect."""
    film, in_folder = found.film, path.suffix.lower() not in PICTURE_ENDINGS
    endings = frozenset(name.suffix.lower() for name in (film.pictures if in_folder else (path,)))
    written = film.pictures[0] if in_folder else path  # in a folder each picture keeps its own ending
    result = [*as_picture_files(found, written.suffix.lower()), *of_picture_files(found, endings)]
    if has_alpha(film.pixel_format):
        if endings.isdisjoint(FLAT_PICTURES):
            result.append(Fate("transparency", "kept"))
        elif not found.is_opaque:
            result.append(Fate("transparency", "refused", "write .png or .tif instead"))
    facts = [
        *(
            ("timecode",)
            if film.timecode and not (endings <= _TIMED_PICTURES and holds_timecode(film.frame_rate))
            else ()
        ),
        *(("title and tags",) if found.title or found.tags else ()),
        *(("chapters",) if found.chapters else ()),
        *(("turn or flip",) if found.turn else ()),
        *(("shape of the pixels",) if film.sample_aspect != 1 and not endings <= _SHAPED_PICTURES else ()),
        *(("colour tags",) if not _is_plain(film.colour) else ()),
        *(("HDR metadata",) if found.mastering or found.light_level else ()),
        *found.extras,
        *(f"{track} (stream {track.index})" for track in found.of_kind(*CARRIED)),
    ]
    result += [Fate(fact, "left out", "pictures cannot hold it") for fact in facts]
    return (*result, *_metadata_fates(found.film, path))


def _metadata_fates(film: FilmInfo, path: Path) -> list[Fate]:
    """Say what is lost of EXIF and the like, judged by the first picture of a take."""
    if not film.pictures:
        return []
    first = film.pictures[0]
    has_ending = path.suffix.lower() in (*PICTURE_ENDINGS, *film_endings())
    ending = (path.suffix if has_ending else first.suffix).lower()
    return [Fate(what, "left out", f"{ending} cannot hold it") for what in lost_metadata(first, ending)]


def _refused_pictures(source: FilmInfo, plan: Plan) -> Fate | None:
    """Say why the output cannot hold the pictures at all; None if it can."""
    reason = picture_refusal(source, plan)
    if reason is None:
        return None
    others = (e for e in _OTHER_ENDINGS if picture_refusal(source, plan_film(Path(f"o{e}"), source)) is None)
    remedy = next((f"write {ending} instead" for ending in others), "convert the film first")
    size = f"{source.width} x {source.height} at {rate_text(source.frame_rate)} frames a second"
    why = "" if reason == "Invalid argument" else f" ({reason})"
    return Fate(PICTURES, "refused", f"{plan.codec.title} cannot hold {size}{why}; {remedy}")


def _picture_fates(found: Inventory, plan: Plan) -> list[Fate]:
    film, name = found.film, plan.pixel_format
    changes = picture_changes(found, sampling_of(name), f"{_bits(name)} bit", is_full=is_full_range(plan.colour, name))
    is_lossless = plan.codec.is_lossless
    words = "; ".join((*changes, f"as {plan.codec.title}, {'lossless' if is_lossless else 'not lossless'}"))
    result = [Fate(PICTURES, "kept" if is_lossless and not changes else "changed", words)]
    if plan.muxer in ("matroska", "webm"):
        if film.time_base % _MATROSKA_TICK:
            result.append(Fate(PICTURES, "changed", "time stamps to the nearest millisecond"))
        shown = round(film.width * film.sample_aspect)
        if shown != film.width * film.sample_aspect:
            result.append(Fate(PICTURES, "changed", f"shown {shown} pixels wide, the nearest to their aspect"))
    return result


def _alpha_fates(found: Inventory, plan: Plan) -> list[Fate]:
    name = found.film.pixel_format
    if not has_alpha(name):
        return []
    if has_alpha(plan.pixel_format):
        before, after = found.film.bit_depth, _bits(plan.pixel_format)
        lost = f"{before} bit becomes {after} bit; .mkv keeps all" if after < before else ""
        return [Fate("transparency", "changed" if lost else "kept", lost)]
    if found.is_opaque:
        return [
            Fate("transparency", "left out", "there is none at the beginning; a transparent frame stops the render")
        ]
    return [Fate("transparency", "refused", "write .mkv or .mov instead")]


def _fact_fates(found: Inventory, trial: Inventory, path: Path) -> list[Fate]:
    """Compare the facts of the source with those of the film written in memory."""
    film, ending = found.film, path.suffix.lower()
    result = []
    if found.turn:
        kept = found.turn == trial.turn
        result.append(Fate("turn or flip", "kept") if kept else Fate("turn or flip", "refused", "write .mov instead"))
    tags = [tag for tag in found.tags if tag not in trial.tags]
    for what, before, after in (
        ("timecode", film.timecode, trial.film.timecode),
        ("reel name", found.reel, trial.reel),
        ("title", found.title, trial.title),
        ("chapters", found.chapters, trial.chapters),
        ("mastering display", found.mastering, trial.mastering),
        ("light level", found.light_level, trial.light_level),
    ):
        if before:
            result.append(Fate(what, "kept") if before == after else Fate(what, "left out", f"{ending} cannot hold it"))
    if found.tags:
        words = ", ".join(key for key, _ in tags)
        result.append(Fate("tags", "left out", f"{ending} cannot hold {words}") if tags else Fate("tags", "kept"))
    result += [Fate(extra, "left out", "no output that relook writes can hold it") for extra in found.extras]
    return result


def _colour_fates(film: FilmInfo, written: FilmInfo, plan: Plan) -> list[Fate]:
    """Compare what the tags mean: an untagged film may come back with tags that state what it was taken for."""
    if is_rgb(plan.pixel_format):
        return []
    before, after = plan.colour, written.colour
    lost = [
        what
        for what, a, b in (
            ("primaries", before.primaries, after.primaries),
            ("transfer", before.transfer, after.transfer),
            ("matrix", _matrix(before, film), _matrix(after, film)),
            ("range", is_full_range(before, plan.pixel_format), is_full_range(after, written.pixel_format)),
        )
        if a != b
    ]
    result = [Fate("colour tags", "left out", f"{', '.join(lost)} cannot be held")] if lost else []
    if not is_rgb(film.pixel_format) and _matrix(film.colour, film) != _matrix(before, film):
        result.append(Fate("matrix", "changed", f"{plan.codec.title} supports only BT.709 and BT.2020"))
    return result


def _matrix(tags: ColourTags, film: FilmInfo) -> int:
    """Return the matrix; the two code points of BT.601 count as one."""
    found = matrix_of(tags, film.height)
    return BT601 if found == BT470BG else found


def _is_plain(tags: ColourTags) -> bool:
    """Say whether the tags are those of ordinary pictures, which need none."""
    return tags.primaries in (1, 2, 5, 6) and tags.transfer in (1, 2, 6, 13)


def _track_fates(found: Inventory, trial: Inventory, refused: frozenset[int], path: Path) -> list[Fate]:
    result = []
    written = {kind: list(trial.of_kind(kind)) for kind in CARRIED}
    for track in found.tracks:
        name = f"{track} (stream {track.index})"
        if track.kind == "pictures":
            named = _kept("name of the pictures", track, *trial.of_kind("pictures"))
            result += [named] if named.end == "changed" else []
        elif track.kind == "still":
            result.append(Fate(name, "left out", "it is a still beside the film"))
        elif track.kind in CARRIED:
            copies = written[track.kind]
            copy = None if track.index in refused or not copies else copies.pop(0)
            fate = _lost(name, track, found, path) if copy is None else _kept(name, track, copy)
            if copy is not None and path.suffix.lower() == ".mxf" and track.index in found.uneven:
                why = "begins and ends with the pictures: what is longer is cut, what is shorter filled with silence"
                fate = Fate(name, "changed", "; ".join(words for words in (fate.why, why) if words))
            result.append(fate)
    return result


def _kept(name: str, track: Track, copy: Track) -> Fate:
    facts = (
        ("language", _language(track), _language(copy)),
        ("title", track.title, copy.title),
        ("roles", _roles(track), _roles(copy)),
        ("layout", _layout(track), _layout(copy)),
    )
    lost = [what for what, before, after in facts if before and before != after]
    return Fate(name, "changed", f"its {' and '.join(lost)} cannot be held") if lost else Fate(name, "kept")


def _language(track: Track) -> str | None:
    return None if track.language is None else QUICKTIME_CODES.get(track.language, track.language)


def _layout(track: Track) -> str | None:
    """Give which channels sound has; unnamed ones are taken for the usual of their number."""
    layout = track.form.rpartition(", ")[0] if track.kind == "sound" else ""
    return _USUAL_LAYOUTS.get(layout, layout) or None


def _roles(track: Track) -> tuple[str, ...]:
    """Return what a stream is for; where none is marked as default, players choose which one plays first."""
    return tuple(role for role in track.roles if role not in ("default", "attached_pic"))


def _lost(name: str, track: Track, found: Inventory, path: Path) -> Fate:
    others = (ending for ending in _OTHER_ENDINGS if ending != path.suffix.lower() and _holds(found, track, ending))
    other = next(others, None)
    if track.kind not in _NEVER_LEFT_OUT:
        return Fate(name, "left out", f"{other} keeps it" if other else "no output can hold it")
    remedy = f"write {other} instead" if other else "convert it first"
    return Fate(name, "refused", remedy)


def _holds(found: Inventory, track: Track, ending: str) -> bool:
    plan = plan_film(Path(f"o{ending}"), found.film)
    if track.index in refused_tracks(replace(found, tracks=(track,)), plan):
        return False
    return bool(try_writing(found, plan, [track]).of_kind(track.kind))


def _bits(pixel_format: str) -> int:
    return max(component.bits for component in VideoFormat(pixel_format).components)
