"""Rendering: dials at 0 hand the film on untouched; tiles and starting points do not change a bit."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from relook.apply.render import RenderSettings, render_film
from relook.errors import UsageError
from relook.film.reader import FilmReader
from relook.look import Card, Look
from relook.nets.generator import Generator
from relook.recipe.settings import Dials, Recipe
from relook.recipe.wear import Wear
from relook.timing import FrameRange

SIZE = (144, 176)
WORN = Wear(
    reference_height=144, dust_per_frame=(4.0, 4.0), scratches_per_frame=2.0, weave_px=(0.5, 0.8), weave_persistence=0.3
)


def worn_look() -> Look:
    torch.manual_seed(1)
    generator = Generator(Recipe().generator)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
        generator.texture.response.add_(0.05)
        generator.texture.dust_strength.fill_(0.8)
    return Look(Card(name="worn", recipe=Recipe(), wear=WORN, reach_px=32), generator.requires_grad_(False))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paint a lossless film of two shots, 20 and 16 frames, whose pictures drift to the left."""
    path = tmp_path_factory.mktemp("film") / "two_shots.mkv"
    random = np.random.default_rng(0)
    scenes = [random.uniform(0, 1, (18, 40, 3)), random.uniform(0, 0.4, (18, 40, 3))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for index in range(36):
            large = cv2.resize(
                (scenes[index >= 20] * 255).astype(np.uint8), (320, SIZE[0]), interpolation=cv2.INTER_LINEAR
            )
            codes = np.ascontiguousarray(large[:, index : index + SIZE[1]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[tuple[int, bytes]]:
    with FilmReader(path) as reader:
        return [(frame.pts, frame.pixels.numpy().tobytes()) for frame in reader.frames()]


def test_all_dials_at_zero_give_the_source_bit_for_bit(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "same.mkv"
    render_film(film, worn_look(), output, settings=RenderSettings(dials=Dials(strength=0)))
    assert decoded(output) == decoded(film)


def test_tiles_and_starting_points_do_not_matter(film: Path, tmp_path: Path) -> None:
    look = worn_look()
    whole = render_film(film, look, tmp_path / "whole.mkv", settings=RenderSettings(tile_rows=4096))
    tiled = render_film(film, look, tmp_path / "tiled.mkv", settings=RenderSettings(tile_rows=16))
    part = render_film(film, look, tmp_path / "part.mkv", settings=RenderSettings(frames=FrameRange(14, 25)))
    assert len(whole.frame_hashes) == 36 and len(whole.shots) == 2
    assert whole.frame_hashes == tiled.frame_hashes
    assert whole.frame_hashes[14:25] == part.frame_hashes
    encoded = [[pixels for _, pixels in decoded(tmp_path / name)] for name in ("whole.mkv", "part.mkv")]
    assert encoded[0][14:25] == encoded[1]


def test_seeds_change_the_texture_and_nothing_else(film: Path, tmp_path: Path) -> None:
    look = worn_look()
    first, second = (
        render_film(film, look, tmp_path / f"{seed}.mkv", settings=RenderSettings(seed=seed)).frame_hashes
        for seed in (0, 1)
    )
    assert all(a != b for a, b in zip(first, second, strict=True))
    clean = [
        render_film(
            film, look, tmp_path / f"clean{seed}.mkv", settings=RenderSettings(seed=seed, dials=Dials(texture=0))
        )
        for seed in (0, 1)
    ]
    assert clean[0].frame_hashes == clean[1].frame_hashes


def test_every_dial_has_its_stage(film: Path, tmp_path: Path) -> None:
    look, hashes = worn_look(), set()
    for name in ("grade", "detail", "texture"):
        dials = Dials(**{stage: float(stage == name) for stage in ("grade", "detail", "texture")})
        settings = RenderSettings(dials=dials, frames=FrameRange(0, 2))
        hashes.add(render_film(film, look, tmp_path / f"{name}.mkv", settings=settings).frame_hashes)
    source = render_film(
        film, look, tmp_path / "s.mkv", settings=RenderSettings(dials=Dials(strength=0), frames=FrameRange(0, 2))
    )
    assert len(hashes | {source.frame_hashes}) == 4


def test_an_output_that_cannot_be_is_refused_before_any_work(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        render_film(film, worn_look(), film)
    with pytest.raises(UsageError):
        render_film(film, worn_look(), tmp_path / "nowhere" / "out.mkv")
    (tmp_path / "there.mkv").write_bytes(b"mine")
    with pytest.raises(UsageError):
        render_film(film, worn_look(), tmp_path / "there.mkv")
    assert (tmp_path / "there.mkv").read_bytes() == b"mine"


@pytest.mark.parametrize("wrong", [{"grade": 1.5}, {"texture": -0.1}])
def test_dials_are_checked_when_they_are_set(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        Dials(**wrong)
