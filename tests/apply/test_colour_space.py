"""A look on a film in a colour space: whole, in parts, by a cut list, with its layers; and what the record of shots knows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.apply.passes import assembled
from relook.apply.render import render_film
from relook.film.pictures.spaces import find_space
from relook.film.reader import FilmReader, probe
from relook.look import Look
from relook.recipe.dials import Dials
from relook.timing import FrameRange

OFF = Dials(strength=0.0)


@pytest.fixture
def in_log(monkeypatch: pytest.MonkeyPatch) -> RenderSettings:
    monkeypatch.delenv("OCIO", raising=False)
    return RenderSettings(colour_space=find_space("acescct"))


@pytest.fixture(scope="module")
def log_film(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the film as a camera's log would have it, in ACEScct, of the same reel, with light beyond white."""
    path, space = tmp_path_factory.mktemp("log") / film.with_suffix(".mkv").name, find_space("acescct")
    with FilmReader(film) as reader, av.open(str(path), "w") as container:
        info = reader.info
        stream = container.add_stream("ffv1", rate=info.frame_rate)
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv444p12le"
        stream.metadata["timecode"] = str(info.timecode)
        for frame in reader.frames():
            muted = 0.4 * frame.pixels + 0.6 * frame.pixels.mean(0, keepdim=True)
            log = space.from_display(1.2 * muted.numpy()).clip(0, 1).transpose(1, 2, 0)
            picture = av.VideoFrame.from_ndarray(np.rint(log * 65535).astype(np.uint16), format="rgb48le")
            picture = picture.reformat(format="yuv444p12le")
            picture.pts = frame.index
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def log_whole(log_film: Path, look: Look, tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivery, Path]:
    """Render the whole film as one in ACEScct, without loss."""
    output = tmp_path_factory.mktemp("whole") / "whole.mkv"
    return render_film(log_film, look, output, settings=RenderSettings(colour_space=find_space("acescct"))), output


def shown(path: Path, space: str | None) -> list[torch.Tensor]:
    with FilmReader(path, space=None if space is None else find_space(space)) as reader:
        return [frame.pixels for frame in reader.frames()]


def test_the_look_is_laid_on_what_is_shown(
    log_film: Path, look: Look, in_log: RenderSettings, log_whole: tuple[Delivery, Path], tmp_path: Path
) -> None:
    """The same film as pictures for the display, which says of itself what it is, comes out the same to the eye."""
    delivery, output = log_whole
    assert (delivery.colour_space, delivery.num_clipped) == ("ACEScct", 0)
    still = replace(in_log, frames=FrameRange(0, 3))
    flat = render_film(log_film, look, tmp_path / "flat.####.exr", settings=still)
    assert flat.colour_space == "" and flat.frame_hashes == delivery.frame_hashes[:3]
    pairs = zip(shown(tmp_path / "flat.1001.exr", None), shown(output, "acescct"), strict=False)
    assert all((a - b).abs().mean() < 0.02 for a, b in pairs), "8 bit, and halved colour"
    plain = render_film(log_film, look, tmp_path / "plain.mkv", settings=replace(still, colour_space=None))
    assert plain.frame_hashes[0] != delivery.frame_hashes[0]
    assert probe(output).colour == probe(tmp_path / "plain.mkv").colour


def test_a_part_and_its_layers(
    log_film: Path, look: Look, in_log: RenderSettings, log_whole: tuple[Delivery, Path], tmp_path: Path
) -> None:
    settings = replace(in_log, frames=FrameRange(48, 52), passes=tmp_path / "layers")
    part = render_film(log_film, look, tmp_path / "part.mkv", settings=settings)
    assert part.frame_hashes == log_whole[0].frame_hashes[48:52]
    rebuilt = assembled(tmp_path / "layers", 49)
    assert (rebuilt.clamp(0, 1) - shown(tmp_path / "part.mkv", "acescct")[1]).abs().mean() < 0.02


def test_dials_at_0_give_the_film_back(log_film: Path, look: Look, in_log: RenderSettings, tmp_path: Path) -> None:
    render_film(log_film, look, tmp_path / "same.mkv", settings=replace(in_log, dials=OFF))
    assert all(
        torch.equal(a, b) for a, b in zip(shown(tmp_path / "same.mkv", None), shown(log_film, None), strict=True)
    )


@pytest.mark.slow
def test_a_cut_list_joins_the_same_frames(
    log_film: Path,
    look: Look,
    in_log: RenderSettings,
    log_whole: tuple[Delivery, Path],
    tmp_path: Path,
    written: Callable[..., Path],
    dissolving: Callable[[Path], Path],
) -> None:
    cuts = written(tmp_path / "cut.edl", [(60, 66), (3, 9)])
    joined = render_cut_list(log_film, look, tmp_path / "cut.mkv", cuts, settings=in_log)
    hashes = log_whole[0].frame_hashes
    assert joined.colour_space == "ACEScct" and joined.frame_hashes == hashes[60:66] + hashes[3:9]
    found, whole = shown(tmp_path / "cut.mkv", "acescct"), shown(log_whole[1], "acescct")
    assert all(torch.equal(a, b) for a, b in zip(found, whole[60:66] + whole[3:9], strict=True))

    mixed = dissolving(tmp_path / "cut.otio")
    faded = render_cut_list(log_film, look, tmp_path / "mix.mkv", mixed, settings=replace(in_log, dials=OFF))
    with FilmReader(tmp_path / "mix.mkv") as reader:
        raw = [frame.pixels for frame in reader.frames()]
    assert len(raw) == len(faded.frame_hashes)
    # Frames 0 and 1 fade in over a third each, in values for the display; black is 0.0729 in ACEScct.
    sides = [find_space("acescct").to_display(shown(log_film, None)[k].numpy()) for k in (60, 61)]
    for k, side in enumerate(sides):
        wanted = find_space("acescct").from_display(np.float32(side * (k + 1) / 3))
        assert np.abs(raw[k].numpy() - wanted.clip(0, 1)).mean() < 0.01
    assert min(frame.mean() for frame in raw) == pytest.approx(0.0729, abs=5e-3), "the gap"


@pytest.mark.slow
def test_shots_of_another_space_are_rendered_again(
    log_film: Path, look: Look, in_log: RenderSettings, tmp_path: Path, written: Callable[..., Path]
) -> None:
    cuts, folder = written(tmp_path / "cut.edl", [(60, 66), (3, 9)]), tmp_path / "shots"

    def new(settings: RenderSettings) -> int:
        delivery = render_cut_list(log_film, look, folder, cuts, settings=settings)
        return sum(shot.is_new for shot in delivery.shot_files)

    in_log = replace(in_log, dials=OFF)
    assert [new(in_log), new(in_log)] == [2, 0]
    assert new(replace(in_log, colour_space=find_space("ACEScct"))) == 0
    assert new(replace(in_log, colour_space=find_space("slog3_sgamut3cine"))) == 2
    assert [new(RenderSettings(OFF)), new(RenderSettings(OFF)), new(in_log)] == [2, 0, 2]


def test_a_config_that_changed_under_its_name_renders_again(
    log_film: Path,
    look: Look,
    tmp_path: Path,
    written: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tmp_path / "studio.ocio"
    monkeypatch.setenv("OCIO", str(config))
    counts = []
    for base in (2, 2, 10):
        config.write_text(CONFIG.replace("BASE", str(base)))
        settings = RenderSettings(colour_space=find_space("plates"), dials=OFF)
        delivery = render_cut_list(
            log_film, look, tmp_path / "shots", written(tmp_path / "cut.edl", [(3, 9)]), settings=settings
        )
        counts.append(sum(shot.is_new for shot in delivery.shot_files))
    assert counts == [1, 0, 1]


CONFIG = """\
ocio_profile_version: 2.1
search_path: ""
roles: {default: light, plates: log}
file_rules:
  - !<Rule> {name: Default, colorspace: default}
displays:
  screen:
    - !<View> {name: view, colorspace: light}
colorspaces:
  - !<ColorSpace> {name: light}
  - !<ColorSpace>
    name: painted
    aliases: [srgb_tx]
    from_scene_reference: !<ExponentWithLinearTransform> {gamma: 2.4, offset: 0.055, direction: inverse}
  - !<ColorSpace>
    name: log
    to_scene_reference: !<LogTransform> {base: BASE, direction: inverse}
"""
