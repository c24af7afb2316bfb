"""Rendering: dials at 0 hand the film on untouched; tiles and starting points do not change a bit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import OpenEXR
import pytest
import torch

from relook.apply.around import colour_around, coloured
from relook.apply.delivery import RenderSettings
from relook.apply.frame import FrameRenderer, woven
from relook.apply.passes import PassWriter, assembled
from relook.apply.render import UNEVEN, render_film
from relook.errors import InputError, LockedError, UsageError
from relook.film.pictures.scene_light import to_display
from relook.film.reader import FilmReader
from relook.look import Look
from relook.mechanics.cranking import exposure_of
from relook.mechanics.marks import seed_of
from relook.mechanics.weave import weave_of
from relook.recipe.dials import Dials
from relook.recipe.mechanics import Cranking
from relook.timing import FrameRange

SIZE = (144, 176)


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


def test_all_dials_at_zero_give_the_source_bit_for_bit(worn: Look, film: Path, tmp_path: Path) -> None:
    output = tmp_path / "same.mkv"
    render_film(film, worn, output, settings=RenderSettings(dials=Dials(strength=0)))
    assert decoded(output) == decoded(film)


def test_tiles_and_starting_points_do_not_matter(worn: Look, film: Path, tmp_path: Path) -> None:
    look = worn
    whole = render_film(film, look, tmp_path / "whole.mkv", settings=RenderSettings(tile_rows=4096))
    tiled = render_film(film, look, tmp_path / "tiled.mkv", settings=RenderSettings(tile_rows=16))
    part = render_film(film, look, tmp_path / "part.mkv", settings=RenderSettings(frames=FrameRange(14, 25)))
    assert len(whole.frame_hashes) == 36 and len(whole.shots) == 2
    assert whole.frame_hashes == tiled.frame_hashes
    assert whole.frame_hashes[14:25] == part.frame_hashes
    from_held = render_film(film, look, tmp_path / "held.mkv", settings=RenderSettings(frames=FrameRange(15, 17)))
    assert whole.frame_hashes[15:17] == from_held.frame_hashes, "a range may begin on a held frame"
    encoded = [[pixels for _, pixels in decoded(tmp_path / name)] for name in ("whole.mkv", "part.mkv")]
    assert encoded[0][14:25] == encoded[1]


@pytest.mark.slow
def test_seeds_change_the_texture_and_nothing_else(worn: Look, film: Path, tmp_path: Path) -> None:
    look = worn
    first, second = (
        render_film(film, look, tmp_path / f"{seed}.mkv", settings=RenderSettings(seed=seed)).frame_hashes
        for seed in (0, 1)
    )
    assert all(a != b for a, b in zip(first, second, strict=True))
    held = [t for t in range(1, 36) if first[t] == first[t - 1]]
    assert held == [3, 7, 11, 15, 19, 23, 27, 31, 35], "a quarter of each shot's frames repeat the one before"
    clean = [
        render_film(
            film, look, tmp_path / f"clean{seed}.mkv", settings=RenderSettings(seed=seed, dials=Dials(texture=0))
        )
        for seed in (0, 1)
    ]
    assert clean[0].frame_hashes == clean[1].frame_hashes


def test_every_dial_has_its_stage(worn: Look, film: Path, tmp_path: Path) -> None:
    look, hashes = worn, set()
    for name in ("grade", "detail", "texture"):
        dials = Dials(**{stage: float(stage == name) for stage in ("grade", "detail", "texture")})
        settings = RenderSettings(dials=dials, frames=FrameRange(0, 2))
        hashes.add(render_film(film, look, tmp_path / f"{name}.mkv", settings=settings).frame_hashes)
    source = render_film(
        film, look, tmp_path / "s.mkv", settings=RenderSettings(dials=Dials(strength=0), frames=FrameRange(0, 2))
    )
    assert len(hashes | {source.frame_hashes}) == 4


def test_passes_put_together_are_the_render(worn: Look, film: Path, tmp_path: Path) -> None:
    look, folder = worn, tmp_path / "passes"
    settings = RenderSettings(frames=FrameRange(2, 5), passes=folder)
    delivery = render_film(film, look, tmp_path / "out.mkv", settings=settings)
    renderer = FrameRenderer(look, Dials(), device=torch.device("cpu"), safe_at=Fraction(25))
    plain = render_film(film, look, tmp_path / "plain.mkv", settings=RenderSettings(frames=FrameRange(2, 5)))
    assert delivery.frame_hashes == plain.frame_hashes, "passes change nothing of the render"
    shot = delivery.shots[0]
    with FilmReader(film) as reader:
        pictures = [frame.pixels for frame in reader.frames(FrameRange(2, 5))]
    rendered = [
        renderer.render(pictures[k], seed=seed_of(shot.content_hash, 0), number=number)
        for k, number in ((0, 2), (0, 2), (2, 3))
    ]
    for index, beauty in zip(range(2, 5), rendered, strict=True):
        assert (assembled(folder, index) - beauty).abs().max() <= 1e-6
    with pytest.raises(UsageError, match="exists"):
        render_film(film, look, tmp_path / "again.mkv", settings=settings)
    assert not (tmp_path / "again.mkv").exists()


def test_passes_that_cannot_be_are_refused_before_any_work(worn: Look, film: Path, tmp_path: Path) -> None:
    for dials, passes, words in (
        (Dials(strength=0), tmp_path / "layers", "no passes"),
        (Dials(), tmp_path / "out.mkv", "output itself"),
        (Dials(), tmp_path / "nowhere" / "layers", "no folder"),
    ):
        with pytest.raises(UsageError, match=words):
            render_film(film, worn, tmp_path / "out.mkv", settings=RenderSettings(dials=dials, passes=passes))
    assert list(tmp_path.iterdir()) == []


def test_passes_that_another_job_writes_leave_no_part_of_the_film(worn: Look, film: Path, tmp_path: Path) -> None:
    with PassWriter(tmp_path / "layers"):
        with pytest.raises(LockedError, match="layers"):
            render_film(film, worn, tmp_path / "out.mkv", settings=RenderSettings(passes=tmp_path / "layers"))
        assert [path.name for path in tmp_path.iterdir()] == ["layers.part"]


def test_passes_of_stills_of_many_sizes(worn: Look, tmp_path: Path) -> None:
    stills = tmp_path / "stills"
    stills.mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("a", (80, 96)), ("b", (96, 80))):
        cv2.imwrite(str(stills / f"{name}.png"), rng.integers(0, 255, (*size, 3), np.uint8))
    render_film(stills, worn, tmp_path / "out", settings=RenderSettings(passes=tmp_path / "layers"))
    assert [assembled(tmp_path / "layers", k).shape for k in (0, 1)] == [(3, 80, 96), (3, 96, 80)]
    with pytest.raises(InputError, match="no passes of frame 7"):
        assembled(tmp_path / "layers", 7)


def test_a_mark_is_drawn_for_exposures(worn: Look, film: Path, tmp_path: Path) -> None:
    """A slower camera's grain, dust and weave go by its own frames: those that repeat do not count."""
    cranking = worn.card.mechanics.cranking
    assert [exposure_of(cranking, frame) for frame in range(9)] == [0, 1, 2, 2, 3, 4, 5, 5, 6]
    assert [exposure_of(Cranking(), frame) for frame in range(5)] == list(range(5))
    assert [exposure_of(Cranking(held_share=0.5), frame) for frame in range(6)] == [0, 0, 1, 1, 2, 2]


def test_an_output_that_cannot_be_is_refused_before_any_work(worn: Look, film: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        render_film(film, worn, film)
    with pytest.raises(UsageError):
        render_film(film, worn, tmp_path / "nowhere" / "out.mkv")
    (tmp_path / "there.mkv").write_bytes(b"mine")
    with pytest.raises(UsageError):
        render_film(film, worn, tmp_path / "there.mkv")
    assert (tmp_path / "there.mkv").read_bytes() == b"mine"


def linear_take(folder: Path, *, count: int = 3) -> Path:
    """Write pictures of linear light with a lamp of 4.0 and a hole of -0.1, transparency and a depth layer."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(1001, 1001 + count):
        layers = {name: rng.uniform(0, 0.9, (96, 80)).astype(np.float16) for name in ("R", "G", "B", "A")}
        layers["Z"] = rng.uniform(0, 100, (96, 80)).astype(np.float32)
        for name in "RGB":
            layers[name][20:24, 30:34], layers[name][50:54, 30:34] = 4.0, -0.1
        header = {"framesPerSecond": Fraction(25), "lineOrder": OpenEXR.DECREASING_Y, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, layers) as file:
            file.write(str(folder / f"shot.{number}.exr"))
    return folder / "shot.1001.exr"


def exr_layers(path: Path) -> dict[str, np.ndarray]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        return {name: np.array(channel.pixels) for name, channel in channels.items()}


def test_light_beyond_white_goes_round_the_look(worn: Look, tmp_path: Path) -> None:
    source = linear_take(tmp_path / "in")
    capped = tmp_path / "capped"
    capped.mkdir()
    for number in (1001, 1002, 1003):
        before = exr_layers(source.parent / f"shot.{number}.exr")
        for name in "RGB":
            before[name] = np.clip(before[name], 0, 1)
        with OpenEXR.File({"type": OpenEXR.scanlineimage, "framesPerSecond": Fraction(25)}, before) as file:
            file.write(str(capped / f"shot.{number}.exr"))
    clean = Dials(texture=0)
    assert render_film(source, worn, tmp_path / "clean", settings=RenderSettings(dials=clean)).num_clipped == 0
    assert render_film(source, worn, tmp_path / "again", settings=RenderSettings(dials=clean)).left_out == ()
    render_film(capped, worn, tmp_path / "clean_capped", settings=RenderSettings(dials=clean))
    for number in (1001, 1002, 1003):
        found = exr_layers(tmp_path / "clean" / f"shot.{number}.exr")
        without = exr_layers(tmp_path / "clean_capped" / f"shot.{number}.exr")
        given = exr_layers(tmp_path / "in" / f"shot.{number}.exr")
        for name in ("A", "Z"):
            assert np.array_equal(found[name], given[name]) and found[name].dtype == given[name].dtype
        for name in "RGB":
            wanted = to_display(without[name]) + to_display(given[name]) - np.clip(to_display(given[name]), 0, 1)
            assert np.allclose(to_display(found[name]), wanted, atol=2e-3)
            lamp, hole = found[name][20:24, 30:34], found[name][50:54, 30:34]
            assert lamp.max() > 1.5 and hole.min() < 0


def test_the_gate_moves_and_hides_light_beyond_white_too(worn: Look) -> None:
    renderer = FrameRenderer(worn, Dials(), device=torch.device("cpu"))
    beyond = torch.zeros(3, 144, 176)
    beyond[:, 70, 80] = beyond[:, 0, 0] = 1.0
    moved_on = renderer.carried(beyond, seed=3, number=5)
    assert moved_on is not None
    shift = weave_of(worn.card.mechanics.weave, seed=3, frame=5)
    tinted = coloured(beyond, colour_around(worn.generator.grade, 1.0))
    assert torch.allclose(moved_on[:, 60:80, 70:90], woven(tinted, shift)[:, 60:80, 70:90])
    assert moved_on[:, 0, 0].max() < 0.01
    assert renderer.carried(None, seed=3, number=5) is None
    still = FrameRenderer(worn, Dials(texture=0), device=torch.device("cpu"))
    found = still.carried(beyond, seed=3, number=5)
    assert found is not None and torch.equal(found, tinted)


def test_passes_hold_light_beyond_white(worn: Look, tmp_path: Path) -> None:
    source = linear_take(tmp_path / "in")
    settings = RenderSettings(passes=tmp_path / "layers", frames=FrameRange(1, 2))
    render_film(source, worn, tmp_path / "out", settings=settings)
    found = exr_layers(tmp_path / "out" / "shot.1002.exr")
    beauty = torch.from_numpy(to_display(np.stack([found[name] for name in "RGB"])))
    assert beauty.max() > 1.2
    assert torch.allclose(assembled(tmp_path / "layers", 1), beauty, atol=2e-3)


def test_dials_at_nothing_hand_pictures_on_and_a_film_of_them_is_counted_as_clipped(worn: Look, tmp_path: Path) -> None:
    source = linear_take(tmp_path / "in")
    (tmp_path / "out").mkdir()
    settings = RenderSettings(dials=Dials(strength=0))
    render_film(source, worn, tmp_path / "out" / "out.####.exr", settings=settings)
    for number in (1001, 1002, 1003):
        assert (tmp_path / "out" / f"out.{number}.exr").read_bytes() == (
            source.parent / f"shot.{number}.exr"
        ).read_bytes()
    delivery = render_film(source, worn, tmp_path / "o.mkv", settings=settings)
    assert delivery.num_clipped == 3
    for told in (delivery.left_out, render_film(source, worn, tmp_path / "out" / "o.####.png").left_out):
        assert told.count("channel Z: left out") == 1
        assert any(words.startswith("values below black and above white") for words in told)
    assert delivery.taken == "frames 1001 to 1003 of the take shot.####.exr"


def test_a_channel_that_only_a_later_picture_holds_is_told(worn: Look, tmp_path: Path) -> None:
    source = linear_take(tmp_path / "in")
    layers = {**exr_layers(source.parent / "shot.1002.exr"), "N": np.zeros((96, 80), np.float32)}
    with OpenEXR.File({"type": OpenEXR.scanlineimage, "framesPerSecond": Fraction(25)}, layers) as file:
        file.write(str(source.parent / "shot.1002.exr"))
    told = render_film(source, worn, tmp_path / "o.mkv", settings=RenderSettings(dials=Dials(strength=0))).left_out
    assert told[-1] == "channel N: left out" and told.count("channel Z: left out") == 1


def test_a_rendered_picture_keeps_its_transparency(worn: Look, tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (96, 80, 4)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "in.png"), codes)
    render_film(tmp_path / "in.png", worn, tmp_path / "out.png")
    found = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(found[..., 3], codes[..., 3])
    assert not np.array_equal(found[..., :3], codes[..., :3])


def test_pictures_of_an_uneven_film_say_that_they_forget_its_time(worn: Look, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "uneven.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24, time_base=Fraction(1, 24), options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index, pts in enumerate((0, 1, 2, 6, 7)):
            codes = np.full((48, 64, 3), 40 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(codes, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = pts, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    settings = RenderSettings(dials=Dials(strength=0))
    assert render_film(tmp_path / "uneven.mp4", worn, tmp_path / "o.####.png", settings=settings).notes == (UNEVEN,)
    assert render_film(tmp_path / "uneven.mp4", worn, tmp_path / "o.mkv", settings=settings).notes == ()
    first = RenderSettings(dials=Dials(strength=0), frames=FrameRange(0, 3))
    assert render_film(tmp_path / "uneven.mp4", worn, tmp_path / "p.####.png", settings=first).notes == ()
