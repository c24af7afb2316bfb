"""Film + look + cut list -> what the edit uses, as one film or one a shot."""

from __future__ import annotations

from pathlib import Path

from relook.apply.conformed import render_conformed
from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.shot_files import render_shots
from relook.errors import UsageError
from relook.film.container.codecs import film_endings
from relook.film.cuts.cut_files import read_cut_list
from relook.film.fields import require_progressive
from relook.film.reader import NO_MENDING, probe
from relook.look import Look
from relook.progress import OnProgress, ignore
from relook.timing import is_drop_frame


def render_cut_list(
    film: Path,
    look: Look,
    output: Path,
    cut_list: Path,
    *,
    settings: RenderSettings,
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render what a cut list uses of a film: joined if the output is a film, shot by shot if it is a folder.

    Raises:
        UsageError: the settings contradict each other, or the output cannot be written.
        InputError: the film or the list cannot be read, or the list cannot be rendered from this film.
    """
    if settings.frames is not None or settings.passes is not None:
        raise UsageError("--edl itself chooses the frames, and writes films only; leave out --range and --passes")
    if settings.mending != NO_MENDING:
        raise UsageError(
            "--edl needs an undamaged, progressive film; make one first with --strength 0 and --on-damage keep or --deinterlace"
        )
    if settings.handles < 0:
        raise UsageError(f"--handles takes a number of frames, 0 or more, not {settings.handles}")
    info = probe(film)
    if info.kind == "stills":
        raise UsageError(f"{film} holds stills; a cut list needs a film or a sequence")
    require_progressive(film)
    cuts = read_cut_list(cut_list, info.frame_rate, drop=is_drop_frame(info.timecode) if info.timecode else None)
    if output.is_dir() or not output.suffix:
        return render_shots(film, look, output, cuts, settings=settings, on_progress=on_progress)
    if output.suffix.lower() not in film_endings():
        endings = ", ".join(film_endings())
        raise UsageError(
            f"cannot write {output} from a cut list: end the name in {endings}, or give a folder to get one film per shot"
        )
    if settings.handles:
        raise UsageError("--handles is only for one film per shot; give a folder as -o, or leave it out")
    return render_conformed(film, look, output, cuts, settings=settings, on_progress=on_progress)
