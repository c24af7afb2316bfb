"""Grain is measured as it was painted, drawn as it was measured, and not found where there is none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relook.mechanics.grain import FAINT, measure_grain
from relook.mechanics.grain_field import lay_grain, prepare_grain, ring_centres
from relook.mechanics.reel import Image, Run
from relook.mechanics.trust import is_likely
from relook.mechanics.words import mechanics_in_words
from relook.recipe.mechanics import NUM_NODES, Bands, Grain, Mechanics

from .conftest import Film, PaintScene, paint

NODES = np.linspace(0, 1, NUM_NODES)
EVEN = np.ones(NUM_NODES)
MIDTONES = 0.4 + 2.4 * NODES * (1 - NODES)


def round_spectrum(half_power: float) -> Bands:
    """Return a Gaussian spectrum that has half its power at a frequency, in cycles per pixel."""
    frequencies = np.fft.fftfreq(64)
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    power = np.exp(-np.log(2) * (ring_centres() / half_power) ** 2)
    return tuple((power / np.interp(radius, ring_centres(), power).mean()).tolist())


def grain_of(
    sigma: float, shape: np.ndarray, half_power: float | None, *, correlation: float = 1.0, persistence: float = 0.0
) -> Grain:
    return Grain(
        strength=tuple((float(node),) * 3 for node in sigma * shape),
        spectrum=round_spectrum(half_power) if half_power else Grain.spectrum,
        correlation=(correlation,) * 3,
        persistence=persistence,
    )


def grainy(film: Film, grain: Grain, *, seed: int = 0) -> Image:
    """Lay drawn grain over a film and round to eight bits."""
    field = prepare_grain(grain, film.shape[1:3], scale=1, seed=seed)
    strength = torch.tensor(grain.strength)
    frames = []
    for t, frame in enumerate(film):
        pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
        laid = pixels + lay_grain(pixels, field.draw(t)[None], strength)
        frames.append(np.round(laid[0].permute(1, 2, 0).numpy().clip(0, 1) * 255) / 255)
    return np.asarray(np.stack(frames), np.float32)


def strength_error(film: Film, grain: Grain, measured: Grain) -> float:
    """Return by how much the measured strength is off, relative, over the tones that the film has."""
    luma = film[0] @ np.array((0.2126, 0.7152, 0.0722), np.float32)
    true, found = (np.interp(luma.ravel(), NODES, np.mean(each.strength, axis=1)) for each in (grain, measured))
    return float(np.mean(np.abs(found / true - 1)))


@pytest.mark.parametrize(
    ("sigma", "shape", "half_power", "correlation", "persistence", "pan_px"),
    [
        (0.012, EVEN, None, 1.0, 0.0, 0.4),
        (0.03, MIDTONES, 0.15, 0.5, 0.0, 0.0),
        (0.06, MIDTONES, 0.25, 0.0, 0.0, 1.3),
        (0.03, EVEN, 0.25, 1.0, 0.5, 1.3),
        (0.02, MIDTONES, 0.35, 0.5, 0.3, 0.4),
    ],
)
def test_what_was_painted_is_measured(
    paint_scene: PaintScene,
    sigma: float,
    shape: np.ndarray,
    half_power: float | None,
    correlation: float,
    persistence: float,
    pan_px: float,
) -> None:
    film = paint_scene(3, num_frames=6, pan_px=pan_px)
    grain = grain_of(sigma, shape, half_power, correlation=correlation, persistence=persistence)
    measured = measure_grain([Run(grainy(film, grain))])
    assert strength_error(film, grain, measured) < 0.12
    true, found = np.array(grain.spectrum), np.array(measured.spectrum)
    assert np.all(np.abs(found[1:] - true[1:]) < 0.15 * true[1:] + 0.04 * true.max())
    assert found[0] == pytest.approx(true[0], rel=0.25)
    assert measured.correlation == pytest.approx((correlation,) * 3, abs=0.06)
    assert measured.persistence == pytest.approx(persistence, abs=0.08)
    assert min(measured.confidence.values()) > 0.8


@pytest.mark.parametrize("seed", [0])
def test_a_clean_film_has_none(paint_scene: PaintScene, seed: int) -> None:
    film = np.asarray(np.round(paint_scene(seed, num_frames=5) * 255) / 255, np.float32)
    measured = measure_grain([Run(film)])
    assert np.max(measured.strength) == 0
    assert measured.confidence["strength"] > 0.9


def test_less_than_a_step_of_eight_bits_is_an_estimate(paint_scene: PaintScene) -> None:
    film = paint_scene(1, num_frames=5)
    measured = measure_grain(
        [Run(np.asarray(np.round(grainy(film, grain_of(0.002, EVEN, 0.25)) * 255) / 255, np.float32))]
    )
    assert 0 < np.mean(measured.strength) < FAINT
    assert not is_likely(measured, "strength")
    assert mechanics_in_words(Mechanics(grain=measured))["grain"] == "none"


@pytest.mark.parametrize("speed_px", [0.7, 3.0])
def test_moving_texture_is_no_grain(speed_px: float) -> None:
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((240, 320, 3)).astype(np.float32), (0, 0), 1.2)
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    frames = []
    for t in range(6):
        swing = speed_px * 6 * np.sin(y / 25 + t / 6)
        frames.append(cv2.remap(texture, x + swing, y + swing / 2, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
    measured = measure_grain([Run(np.asarray(np.round(np.stack(frames).clip(0, 1) * 255) / 255, np.float32))])
    assert np.max(measured.strength) < 0.006 or measured.confidence["strength"] < 0.5


def test_dust_and_flicker_are_no_grain(paint_scene: PaintScene) -> None:
    film = paint_scene(5, num_frames=6, pan_px=0.0)
    grain = grain_of(0.02, EVEN, 0.25)
    marked = grainy(film, grain)
    rng = np.random.default_rng(0)
    for frame in marked:
        frame *= np.exp(0.04 * rng.standard_normal())
        for y, x in rng.integers(4, (236, 316), (40, 2)):
            frame[y - 2 : y + 3, x - 2 : x + 3] = rng.choice((0.02, 0.98))
    assert strength_error(film, grain, measure_grain([Run(marked)])) < 0.15


def test_repeated_frames_do_not_hide_grain(paint_scene: PaintScene) -> None:
    film = paint_scene(6, num_frames=5)
    grain = grain_of(0.02, EVEN, 0.25)
    held = np.repeat(grainy(film, grain), 2, axis=0)
    measured = measure_grain([Run(held)])
    assert strength_error(film, grain, measured) < 0.12
    assert measured.persistence < 0.1


@pytest.mark.parametrize("num_runs", [0, 1])
def test_too_little_footage_is_not_measured(num_runs: int) -> None:
    measured = measure_grain([Run(np.full((1, 64, 64, 3), 0.5, np.float32))] * num_runs)
    assert replace(measured, confidence={}) == Grain()
    assert max(measured.confidence.values()) == 0


@settings(max_examples=8)
@given(
    frame=st.integers(-5, 10**6),
    others=st.lists(st.integers(-5, 10**6), max_size=2),
    persistence=st.sampled_from((0.0, 0.5)),
)
def test_a_frame_is_drawn_alone(frame: int, others: list[int], persistence: float) -> None:
    grain = grain_of(0.02, EVEN, 0.25, correlation=0.5, persistence=persistence)
    field = prepare_grain(grain, (60, 81), scale=1, seed=7)
    for other in others:
        field.draw(other)
    again = prepare_grain(grain, (60, 81), scale=1, seed=7)
    assert torch.equal(field.draw(frame), again.draw(frame))


@settings(max_examples=6)
@given(
    half_power=st.sampled_from((None, 0.15, 0.35)),
    correlation=st.sampled_from((1.0, 0.5, -0.2)),
    seed=st.integers(0, 10**9),
)
def test_drawn_grain_is_what_was_asked_for(half_power: float | None, correlation: float, seed: int) -> None:
    grain = grain_of(0.02, EVEN, half_power, correlation=correlation, persistence=0.5)
    field = prepare_grain(grain, (256, 384), scale=1, seed=seed)
    frames = torch.stack([field.draw(t).expand(3, -1, -1) for t in range(8)])
    assert float(frames.std()) == pytest.approx(1, abs=0.06)
    assert alike(frames[:, 0], frames[:, 1]) == pytest.approx(correlation, abs=0.06)
    assert alike(frames[:-1], frames[1:]) == pytest.approx(0.5, abs=0.1)
    rings = ring_power(frames[:, 0])
    assert np.all(np.abs(rings - grain.spectrum) < 0.1 * np.array(grain.spectrum) + 0.04 * max(grain.spectrum))


def test_no_two_frames_share_grain() -> None:
    field = prepare_grain(grain_of(0.02, EVEN, None), (128, 160), scale=1, seed=1)
    spectra = [torch.fft.rfft2(field.draw(t)[0]) for t in range(6)]
    for a in range(6):
        for b in range(a):
            anywhere = torch.fft.irfft2(spectra[a] * spectra[b].conj(), s=(128, 160)) / (128 * 160)
            assert float(anywhere.abs().max()) < 0.97
            assert abs(float(anywhere[0, 0])) < 0.05


def test_grain_keeps_its_size_on_the_screen() -> None:
    grain = grain_of(0.02, EVEN, 0.25)
    widths = []
    for scale in (1.0, 2.0, 3.0):
        size = (round(160 * scale), round(200 * scale))
        drawn = prepare_grain(grain, size, scale=scale, seed=2).draw(0)[0]
        assert float(drawn.std()) == pytest.approx(1, abs=0.05)
        power = torch.fft.fft2(drawn).abs().square()
        frequencies = torch.fft.fftfreq(size[0])[:, None].abs() * scale + 0 * power
        widths.append(float((power * frequencies).sum() / power.sum()))
    assert widths == pytest.approx([widths[0]] * 3, rel=0.05)


@pytest.mark.parametrize("half_power", [None, 0.15])
def test_small_frames_lose_the_finest_grain(half_power: float | None) -> None:
    """As if the reference frames had been scanned at half as many rows."""
    grain = grain_of(0.02, EVEN, half_power)
    whole = torch.fft.fft2(prepare_grain(grain, (256, 256), scale=1, seed=3).draw(0)[0]).abs().square() / 256**4
    frequencies = torch.fft.fftfreq(256).abs()
    kept = float(whole[(frequencies[:, None] < 0.25) & (frequencies[None, :] < 0.25)].sum())
    small = prepare_grain(grain, (128, 128), scale=0.5, seed=4).draw(0)
    assert float(small.var()) == pytest.approx(kept, rel=0.15)


def test_the_strength_is_straight_between_nodes() -> None:
    strength = torch.linspace(0, 0.07, NUM_NODES)[:, None] * torch.tensor([1.0, 2.0, 0.0])
    pixels = torch.tensor([0.0, 0.5, 1.0])[None, None, None].expand(1, 3, 1, 3)
    laid = lay_grain(pixels, torch.full((1, 1, 1, 3), -2.0), strength)
    expected = torch.tensor([[0.0, -0.07, -0.14], [0.0, -0.14, -0.28], [0.0, 0.0, 0.0]])
    assert torch.allclose(laid[0, :, 0], expected, atol=2e-4)


def test_both_ways_of_laying_agree_and_one_has_a_gradient() -> None:
    pixels = torch.from_numpy(paint(1, num_frames=1, size=(48, 64))).permute(0, 3, 1, 2).contiguous()
    field = prepare_grain(grain_of(0.02, EVEN, 0.25, correlation=0.5), (48, 64), scale=1, seed=5).draw(0)[None]
    strength = torch.tensor(grain_of(0.05, MIDTONES, None).strength)
    wanting = pixels.clone().requires_grad_()
    exact = lay_grain(wanting, field, strength)
    assert torch.allclose(lay_grain(pixels, field, strength), exact, atol=1e-3)
    exact.square().sum().backward()
    assert wanting.grad is not None and float(wanting.grad.abs().max()) > 0


def alike(first: Tensor, second: Tensor) -> float:
    return float((first * second).mean() / (first.square().mean() * second.square().mean()).sqrt())


def ring_power(fields: Tensor) -> np.ndarray:
    """Return the mean power density in the rings of periodic fields `[t h w]` of unit variance."""
    power = torch.fft.fft2(fields).abs().square().mean(dim=0) / fields[0].numel()
    rows, columns = (torch.fft.fftfreq(size) for size in fields.shape[-2:])
    ring = (torch.hypot(rows[:, None], columns[None, :]) * 2 * len(ring_centres())).long()
    return np.array([float(power[ring == number].mean()) for number in range(len(ring_centres()))])
