"""The published recipes, as we wrote them: shapes, sizes, and that each learns what it is asked to."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import cut
import cyclegan
import gatys
import numpy as np
import pytest
import torch
from cyclegan import ImagePool
from resnet import PatchCritic, ResNetGenerator
from safetensors.torch import save_file
from torch import Tensor, nn
from unpaired import Budget, descend, renderer, spend

from relook.corpus import Corpus, PreparedShot, Side, Sufficiency, create_array, save_corpus
from relook.timing import FrameRange


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Paint one shot of three frames a side: colourful source, dim and grey style."""
    root, shots = tmp_path_factory.mktemp("corpus"), []
    sides: tuple[Side, Side] = ("source", "style")
    for side in sides:
        codes = np.random.default_rng(len(side)).integers(0, 255, (3, 80, 96, 3), dtype=np.uint8)
        shot = PreparedShot(
            name=f"{side}-0000",
            side=side,
            origin=side,
            height=80,
            width=96,
            held_out=False,
            runs=(FrameRange(0, 3),),
            film_frames=(0, 1, 2),
            bit_depth=8,
            seconds=0.1,
        )
        create_array(root, shot)[:] = codes if side == "source" else codes[..., :1] // 2
        shots.append(shot)
    corpus = Corpus(root, tuple(shots), (), Sufficiency("fair", "painted"))
    save_corpus(corpus)
    return corpus


def count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


def test_networks_have_the_published_sizes() -> None:
    assert count(ResNetGenerator(seeded())) == 11_378_179
    assert count(PatchCritic(seeded())) == 2_764_737


def test_weights_are_gaussian_and_follow_the_seed() -> None:
    first, again = PatchCritic(seeded()), PatchCritic(seeded())
    weights = first.layers[-4].weight
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.01)
    assert torch.equal(weights, again.layers[-4].weight)


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (35, 21)])
def test_frames_of_any_size_keep_it(size: tuple[int, int]) -> None:
    render = renderer(ResNetGenerator(seeded()))
    frames = torch.rand(2, 3, *size, generator=seeded())
    rendered = render(frames)
    assert rendered.shape == frames.shape
    assert not rendered.requires_grad
    assert float(rendered.min()) >= 0 and float(rendered.max()) <= 1
    torch.testing.assert_close(render(frames[1:]), rendered[1:])


def test_a_critics_score_sees_70_pixels() -> None:
    """Instance norm reaches over the whole picture, so the window is read off a critic without it."""
    critic = PatchCritic(seeded())
    critic.layers = nn.Sequential(*(layer for layer in critic.layers if not isinstance(layer, nn.InstanceNorm2d)))
    picture = torch.zeros(1, 3, 128, 128, requires_grad=True)
    scores = critic(picture)
    assert scores.shape == (1, 1, 14, 14)
    scores[0, 0, 7, 7].backward()
    seen = picture.grad.abs().sum((0, 1))
    assert int((seen.sum(0) > 0).sum()) == int((seen.sum(1) > 0).sum()) == 70


def test_encoder_and_decoder_are_the_whole_generator() -> None:
    net = ResNetGenerator(seeded())
    picture = torch.rand(1, 3, 32, 24, generator=seeded()) * 2 - 1
    values, taps = net.encode(picture)
    assert torch.equal(net.decode(values), net(picture))
    assert taps[4] is values
    assert not torch.equal(taps[3], taps[4])
    assert [tuple(tap.shape[1:]) for tap in taps] == [
        (3, 32, 24), (128, 16, 12), (256, 8, 6), (256, 8, 6), (256, 8, 6),
    ]  # fmt: skip


def test_a_full_pool_gives_back_old_pictures() -> None:
    pool = ImagePool(3, random.Random(0))
    renders = [torch.full((1,), float(i)) for i in range(200)]
    given = [int(pool.swap(render)) for render in renders]
    assert given[:3] == [0, 1, 2]
    old = [i for i, back in enumerate(given) if back < i]
    assert 60 < len(old) < 140
    assert len(pool.kept) == 3
    assert len({given[i] for i in old}) == len(old), "a picture that left the pool came back"


@pytest.mark.slow
def test_the_generators_loss_by_hand() -> None:
    """One generator adds a half, the other and both critics give back what they get; all frames are zero."""

    class AddsHalf(nn.Module):
        def forward(self, signed: Tensor) -> Tensor:
            return signed + 0.5

    same = nn.Identity()
    state = replace(
        cyclegan.start_state(rate=1e-4, seed=0),
        to_style=AddsHalf(),
        to_source=same,
        style_critic=same,
        source_critic=same,
    )
    zero = torch.zeros(1, 3, 4, 4)
    adversarial, cycle, identity = 0.5**2 + 1**2, 0.5 + 0.5, 0.5 + 0
    loss = cyclegan.generators_loss(state, (zero, zero), (zero + 0.5, zero))
    assert float(loss) == pytest.approx(adversarial + 10 * cycle + 5 * identity)


def test_patch_nce_by_hand() -> None:
    own, other = torch.eye(2)[None], torch.eye(2).flip(0)[None]
    right, wrong = math.log1p(math.exp(-1 / 0.07)), math.log1p(math.exp(1 / 0.07))
    found = cut.patch_nce(torch.cat((own, own)), torch.cat((own, other)))
    torch.testing.assert_close(found, torch.tensor([right, wrong]))


@pytest.mark.slow
def test_a_budget_lowers_the_rate_over_its_second_half() -> None:
    """Shares of 0, 1/4, 1/2, 3/4 and 1 are read from a budget that counts its own readings."""
    shares = iter([0.0, 0.25, 0.5, 0.75, 1.0])

    class Counted(Budget):
        def share(self) -> float:
            return next(shares)

    optimiser = torch.optim.Adam([nn.Parameter(torch.zeros(1))], 1.0)
    rates: list[float] = []

    def step(_: int) -> bool:
        rates.append(optimiser.param_groups[0]["lr"])
        return True

    assert spend(Counted(1), step, (optimiser,), rate=2.0) == (4, False)
    assert rates == [2.0, 2.0, 2.0, 1.0]


def test_training_stops_where_a_loss_is_not_finite() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimiser = torch.optim.Adam([weight], 0.1)
    steps = spend(
        Budget(5), lambda i: descend((weight / (0.0 if i == 2 else 1.0)).sum(), optimiser), (optimiser,), rate=0.1
    )
    assert steps == (2, True)
    assert torch.isfinite(weight).all()


def test_only_the_optimisers_own_weights_get_gradients() -> None:
    mine, others = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    assert descend((mine * others).sum(), torch.optim.Adam([mine], 0.1))
    assert others.grad is None
    assert float(mine.detach()) < 1


@pytest.mark.slow
def test_two_steps_of_cyclegan_move_every_network() -> None:
    state = cyclegan.start_state(rate=2e-4, seed=0)
    nets = (state.to_style, state.to_source, state.style_critic, state.source_critic)
    frames = torch.rand(2, 3, 32, 32, generator=seeded()) * 2 - 1
    assert_moved(nets, lambda: cyclegan.train_step(state, frames[:1], frames[1:]))
    assert len(state.style_pool.kept) == len(state.source_pool.kept) == 2


@pytest.mark.slow
def test_two_steps_of_cut_move_every_network() -> None:
    state = cut.start_state(rate=2e-4, seed=0)
    frames = torch.rand(2, 3, 32, 32, generator=seeded()) * 2 - 1
    judged: list[Tensor] = []
    state.critic.register_forward_pre_hook(lambda _, given: judged.append(given[0].detach()))
    with torch.no_grad():
        render = state.generator(frames[:1])
    assert_moved((state.generator, state.critic, state.heads), lambda: cut.train_step(state, frames[:1], frames[1:]))
    torch.testing.assert_close(judged[0], render)
    torch.testing.assert_close(judged[1], frames[1:])
    torch.testing.assert_close(judged[2], render)


def assert_moved(nets, step) -> None:  # type: ignore[no-untyped-def]
    """Take two steps and see every weight of every network move; biases before an instance norm are free to stay."""
    before = [{name: weights.detach().clone() for name, weights in net.named_parameters()} for net in nets]
    assert step() and step()
    for net, old in zip(nets, before, strict=True):
        for name, weights in net.named_parameters():
            assert torch.isfinite(weights).all(), name
            assert name.endswith("bias") or not torch.equal(weights, old[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [cyclegan.train, cut.train], ids=["cyclegan", "cut"])
def test_training_spends_its_budget(corpus: Corpus, recipe) -> None:  # type: ignore[no-untyped-def]
    trained = recipe(corpus, cpu_seconds=4.0, rate=2e-4, seed=0, crop_px=32)
    assert trained.steps >= 2
    assert not trained.diverged
    frames = torch.rand(1, 3, 21, 18, generator=seeded())
    assert trained.render(frames).shape == frames.shape


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [cyclegan.train, cut.train], ids=["cyclegan", "cut"])
def test_a_rate_out_of_all_bounds_is_called_diverged(corpus: Corpus, recipe) -> None:  # type: ignore[no-untyped-def]
    trained = recipe(corpus, cpu_seconds=60.0, rate=1e30, seed=0, crop_px=32)
    assert trained.diverged
    assert trained.steps < 5


def small_features(seed: int = 0) -> dict[str, Tensor]:
    """Draw the weights of a VGG-19 of 4 and 6 channels."""
    tensors, before = {}, 3
    for layer, place in gatys.LAYERS.items():
        after = 4 if layer < "conv3" else 6
        weights = torch.randn(after, before, 3, 3, generator=seeded(seed + place)) * (2 / (9 * before)) ** 0.5
        tensors |= {f"features.{place}.weight": weights, f"features.{place}.bias": torch.full((after,), 0.1)}
        before = after
    return tensors


def test_gatys_comes_closer_to_the_style(tmp_path: Path) -> None:
    save_file(small_features(), tmp_path / "vgg.safetensors")
    features = gatys.load_features(tmp_path / "vgg.safetensors")
    content = torch.rand(1, 3, 33, 40, generator=seeded())
    style = torch.rand(1, 1, 24, 50, generator=seeded(1)).expand(-1, 3, -1, -1) ** 3
    wanted = gatys.wanted_of(content, style, features)
    picture = gatys.stylise(content, style, features, 15)
    before, after = (gatys.losses(frame, wanted, features) for frame in (content, picture))
    assert picture.shape == content.shape
    assert tuple(wanted.grams) == ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    assert float(before[0]) == 0 < float(after[0])
    assert float(after[1]) < 0.3 * float(before[1])
    assert float(1e3 * after[1] + after[0]) < float(1e3 * before[1])


def test_gatys_keeps_a_picture_that_is_its_own_style(tmp_path: Path) -> None:
    save_file(small_features(), tmp_path / "vgg.safetensors")
    picture = torch.rand(1, 3, 32, 32, generator=seeded())
    torch.testing.assert_close(
        gatys.stylise(picture, picture, gatys.load_features(tmp_path / "vgg.safetensors"), 3), picture
    )


def test_a_gram_matrix_by_hand() -> None:
    response = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    torch.testing.assert_close(gatys.gram(response), torch.tensor([[2.5, 1.5], [1.5, 4.5]]))


def test_pictures_enter_the_features_normalised(tmp_path: Path) -> None:
    """A deviation above ImageNet's mean is one: away from the border a response is the sum of the weights, and the bias."""
    save_file(small_features(), tmp_path / "vgg.safetensors")
    features = gatys.load_features(tmp_path / "vgg.safetensors")
    weight, bias = features.convolutions["conv1_1"]
    colour = torch.tensor(gatys.MEAN) + torch.tensor(gatys.DEVIATION)
    response = gatys.respond(colour[None, :, None, None].expand(1, 3, 16, 16), features)["conv1_1"]
    torch.testing.assert_close(response[0, :, 8, 8], (weight.sum((1, 2, 3)) + bias).clamp_min(0))


def test_gatys_says_what_to_do_without_features(tmp_path: Path) -> None:
    path = tmp_path / "vgg.safetensors"
    for absent in (None, path):
        with pytest.raises(SystemExit, match="yours to supply"):
            gatys.load_features(absent)
    path.write_bytes(b"no tensors")
    with pytest.raises(SystemExit, match="no safetensors file"):
        gatys.load_features(path)
    tensors = small_features()
    del tensors["features.21.bias"]
    save_file(tensors, path)
    with pytest.raises(SystemExit, match=r"lacks features\.21\.bias;"):
        gatys.load_features(path)
    save_file(small_features() | {"features.5.weight": torch.zeros(4, 9, 3, 3)}, path)
    with pytest.raises(SystemExit, match=r"features\.5\.weight is \(4, 9, 3, 3\) and must be \(4, 4, 3, 3\)"):
        gatys.load_features(path)
