"""Transparency of films is kept code for code, or refused before it is lost."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relook.errors import InputError, UsageError
from relook.film.output_place import check_output
from relook.film.pictures.alpha import alpha_of, frame_alpha, put_alpha
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter
from tests.film.container.copies import copy


@pytest.mark.parametrize(
    ("pixel_format", "ending", "bits"),
    [
        *((name, ".mkv", 0) for name in ("yuva420p", "yuva422p10le", "yuva444p12le", "bgra", "gbrap12le")),
        *((name, ".mov", shift) for name, shift in (("yuva420p", 4), ("yuva444p10le", 2), ("bgra", 4))),
    ],
)
@pytest.mark.parametrize("is_copied", [True, False])
def test_transparency_is_kept_code_for_code(
    make_film: Any, draw: Any, tmp_path: Path, pixel_format: str, ending: str, bits: int, is_copied: bool
) -> None:
    """IN15."""
    source = transparent(make_film("a.mkv", draw(3, 64, 48), pixel_format=pixel_format), tmp_path / "in.mkv")
    with FilmReader(source) as reader, FilmWriter(tmp_path / f"o{ending}", reader.info) as writer:
        for frame in reader.frames():
            (writer.copy if is_copied else writer.write)(frame)
    for before, after in zip(alphas(source), alphas(tmp_path / f"o{ending}"), strict=True):
        assert before.min() == 0
        assert np.array_equal(after >> bits, before)


@pytest.mark.parametrize("name", ["alpha_circle_vp9.webm", "prores4444_alpha_ramp.mov"])
def test_real_transparency_is_read_and_kept(footage: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = footage(f"awkward/synthetic/{name}")
    target = copy(source, tmp_path / "o.mkv")
    pairs = list(zip(alphas(source), alphas(target), strict=True))
    assert pairs
    assert all(np.array_equal(a, b) and a.min() < a.max() for a, b in pairs)


def test_transparency_that_does_not_fit_is_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    opaque = make_film("a.mkv", draw(3, 256, 144), pixel_format="yuva420p")
    source = transparent(opaque, tmp_path / "in.mkv")
    for ending in (".mp4", ".webm", ".mxf", ".####.jpg"):
        with pytest.raises(UsageError, match="cannot hold the transparency"):
            check_output(tmp_path / f"o{ending}", probe(source), overwrite=False)
    assert "none at the beginning" in " ".join(check_output(tmp_path / "o.mp4", probe(opaque), overwrite=False))
    late = transparent(opaque, tmp_path / "late.mkv", only=2)
    copy(opaque, tmp_path / "o.mp4")
    found_late = probe(late)
    with (
        pytest.raises(InputError, match=r"frame 2 .* is transparent"),
        FilmReader(late) as reader,
        FilmWriter(tmp_path / "late.mp4", probe(opaque)) as writer,
    ):
        for frame in reader.frames():
            writer.write(frame)
    assert found_late.pixel_format == "yuva420p"


def test_a_rendered_film_becomes_transparent_pictures(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = transparent(make_film("a.mkv", draw(2, 64, 48), pixel_format="bgra"), tmp_path / "in.mkv")
    with FilmReader(source) as reader, FilmWriter(tmp_path / "o.####.png", reader.info) as writer:
        for frame in reader.frames():
            writer.write(frame)
    for before, after in zip(alphas(source), alphas(tmp_path / "o.####.png"), strict=True):
        assert np.array_equal(after, before)


def transparent(source: Path, target: Path, *, only: int | None = None) -> Path:
    """Write a film again with a slope of alpha in every frame, or in one."""
    with av.open(str(source)) as a, av.open(str(target), "w") as b:
        first: Any = a.streams.video[0]
        stream: Any = b.add_stream("ffv1", rate=24, time_base=Fraction(1, 24))
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.pix_fmt
        for index, frame in enumerate(a.decode(first)):
            alpha = alpha_of(frame)
            assert alpha is not None
            codes, bits = alpha[0].copy(), alpha[1]
            if only in (None, index):
                codes[...] = np.linspace(0, 2**bits - 1, codes.shape[1]).astype(codes.dtype)[None]
            else:
                codes[...] = 2**bits - 1
            put_alpha(frame, codes, bits)
            frame.pts, frame.time_base = index, Fraction(1, 24)
            b.mux(stream.encode(frame))
        b.mux(stream.encode(None))
    return target


def alphas(path: Path) -> list[Any]:
    with FilmReader(path) as reader:
        found = [frame_alpha(native.picture) for native in reader.native_frames()]
    assert all(found)
    return [alpha[0].copy() for alpha in found if alpha is not None]
