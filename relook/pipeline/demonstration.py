"""The verb `demo`: every other verb on sample footage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relook.errors import UsageError
from relook.look import Look
from relook.pipeline.judging import REPORT_PAGE, check, report_folder
from relook.pipeline.rendering import apply
from relook.pipeline.training import train
from relook.progress import OnProgress, ignore
from relook.report import Report
from relook.samples import sample_clip

DEMO_BUDGET_SECONDS = 60.0


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
        output: the folder to write to; files of an earlier demo are replaced, all others stay.
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


def _make_folder(folder: Path) -> None:
    if not folder.parent.is_dir() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} cannot be a folder to write to; name one whose parent folder exists")
    folder.mkdir(exist_ok=True)
