"""The smoothed loss is what closed forms say, for each law; its noise is the same for every model."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from scipy import stats

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.flatness.estimate import Estimate
from unlearnkit.smoothing import Formula, smoothed_line, smoothed_loss
from unlearnkit.smoothing.noise import Noise

from .closed_forms import FORMULAS, LAWS, OFFSET, SIZE, Stops, cubic, gap, mean_square, quadratic, vector


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("antithetic", [True, False])
def test_the_gap_is_the_closed_form(name, law, antithetic):
    sigma = 0.7 if law == "gaussian" else 1.5
    found = smoothed_loss(FORMULAS[name](), sigma=sigma, samples=1000, law=law, antithetic=antithetic)
    expected = gap(name, law, sigma)
    assert abs(found.gap.estimate - expected) < 4 * found.gap.stderr
    assert found.gap.stderr < (0.1 if antithetic else 0.9) * abs(expected)
    assert found.estimate - found.value == pytest.approx(found.gap.estimate, abs=1e-12)
    assert found.stderr == pytest.approx(found.gap.stderr, rel=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say():
    inside = 0
    for seed in range(100):
        found = smoothed_loss(cubic(), sigma=0.5, samples=20, seed=seed)
        inside += found.gap.interval[0] <= gap("cubic", "gaussian", 0.5) <= found.gap.interval[1]
    assert 88 <= inside <= 100  # 95 +- 2.2


def test_antithetic_pairs_kill_what_is_odd():
    odd = Formula(lambda w: (w * vector(3)).sum() + (w @ vector(4)).pow(3), torch.zeros(SIZE).double())
    found = smoothed_loss(odd, sigma=0.5, samples=20)
    assert max(map(abs, found.draws)) < 1e-12
    plain = smoothed_loss(odd, sigma=0.5, samples=20, antithetic=False)
    assert plain.stderr > 0.1


@pytest.mark.parametrize("law", LAWS)
def test_a_displacement_is_as_long_as_is_reported(law):
    weights = [torch.zeros(3, 4), torch.zeros(5)]
    noise = Noise(law, 0.3, 17, seed=1)
    steps = [noise.step(weights, sample) for sample in range(1000)]
    squares = torch.tensor([s**2 * sum(float(u.double().square().sum()) for u in d) for s, d in steps])
    assert math.sqrt(squares.mean()) == pytest.approx(noise.l2, rel=0.03)
    assert noise.per_weight == pytest.approx(0.3 * math.sqrt(mean_square(law, 17)))
    assert noise.l2 == pytest.approx(noise.per_weight * 17**0.5)
    radii = (squares.sqrt() / 0.3).numpy()
    if law == "sphere":
        assert radii == pytest.approx(1.0, abs=1e-6)
    elif law == "ball":
        assert stats.kstest(radii**17, "uniform").pvalue > 0.01
    else:
        assert stats.kstest(radii**2, stats.chi2(17).cdf).pvalue > 0.01


def test_no_coordinate_of_the_noise_is_preferred():
    steps = [Noise("ball", 1.0, 4).step([torch.zeros(4)], sample) for sample in range(1500)]
    drawn = torch.stack([scale * u[0] for scale, u in steps]).double()
    covariance = drawn.T @ drawn / len(drawn)
    assert torch.allclose(covariance, torch.eye(4).double() / 6, atol=0.025)
    assert drawn.mean(dim=0).abs().max() < 4 * (1 / 6 / 1500) ** 0.5


# Common random numbers


def test_one_seed_is_the_same_noise_for_two_models():
    one = Formula(lambda w: (w @ vector(2)).exp(), torch.zeros(SIZE).double())
    three = Formula(lambda w: 3 * (w @ vector(2)).exp(), torch.zeros(SIZE).double())
    found = [smoothed_loss(f, sigma=0.1, samples=10, antithetic=False, seed=5) for f in (one, three)]
    assert found[1].draws == pytest.approx([3 * draw for draw in found[0].draws])
    other = smoothed_loss(one, sigma=0.1, samples=10, antithetic=False, seed=6)
    assert not set(other.draws) & set(found[0].draws)


def test_pairs_under_common_noise_tell_models_apart_that_intervals_do_not():
    near, far = (Formula(lambda w: w.pow(4).sum(), vector(0) + shift) for shift in (0.0, 0.01))
    first, second = (smoothed_loss(f, sigma=0.3, samples=40) for f in (near, far))
    apart = second.minus(first)
    assert apart.estimate == pytest.approx(second.estimate - first.estimate)
    assert 5 * apart.stderr < first.stderr
    with pytest.raises(BadInput, match=r"other: its noise differs in sigma, samples"):
        first.minus(smoothed_loss(near, sigma=0.2, samples=30))


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        ((math.inf, 1.0), (1.0, 1.0), math.inf),
        ((1.0, 1.0), (math.inf, 1.0), -math.inf),
        ((math.inf, 1.0), (1.0, math.inf), math.nan),
        ((math.inf, 1.0), (math.inf, 1.0), math.nan),
    ],
)
def test_who_overflows_lies_above_and_of_two_nothing_is_known(ours, theirs, apart):
    first = smoothed_loss(quadratic(), sigma=0.1, samples=2)
    found = replace(first, draws=ours).minus(replace(first, draws=theirs))
    assert found.estimate == pytest.approx(apart, nan_ok=True)
    assert (found.stderr, found.interval) == (math.inf, (-math.inf, math.inf))


def test_a_model_in_double_gets_the_noise_of_the_one_in_float():
    weights = vector(0, 40).float()  # of fewer than 16 torch draws doubles whatever the dtype
    found = [
        smoothed_loss(Formula(lambda w: w.pow(4).sum(), w), sigma=0.1, samples=5)
        for w in (weights, weights.double())
    ]
    assert found[0].draws == pytest.approx(found[1].draws, rel=1e-5)


def test_models_share_noise_too(make_llama, toy_batches):
    loss = uk.TokenMeanLoss(make_llama(0), toy_batches)
    ours, again = smoothed_loss(loss, sigma=0.02, samples=3), smoothed_loss(loss, sigma=0.02, samples=3)
    assert ours == again
    theirs = smoothed_loss(loss.with_model(make_llama(1)), sigma=0.02, samples=3)
    assert isinstance(theirs.minus(ours), Estimate)


# What a result says


def test_noise_that_rounds_away_is_reported():
    start = torch.full((100,), 1.0)
    lost = smoothed_loss(Formula(lambda w: w.square().sum(), start), sigma=1e-9, samples=2)
    assert lost.moved_fraction == 0.0
    assert lost.gap.estimate == 0.0
    kept = smoothed_loss(Formula(lambda w: w.square().sum(), start), sigma=1e-3, samples=2)
    assert kept.moved_fraction > 0.99


def test_a_loss_that_overflows_under_noise_has_an_infinite_mean():
    found = smoothed_loss(Formula(lambda w: w.log().sum(), torch.full((4,), 0.1)), sigma=0.5, samples=8)
    assert found.estimate == math.inf
    assert math.inf in found.draws
    assert not any(map(math.isnan, found.draws))
    assert found.interval == (-math.inf, math.inf)


def test_costs_are_counted():
    assert smoothed_loss(quadratic(), samples=7).forward_equivalents == 15
    assert smoothed_loss(quadratic(), samples=7, antithetic=False).forward_equivalents == 8


def test_half_precision_weights_are_moved_in_their_own():
    found = smoothed_loss(Formula(lambda w: w.float().square().sum(), torch.ones(400).bfloat16()), sigma=0.1)
    assert found.gap.estimate == pytest.approx(4.0, rel=0.2)


def test_results_are_plain_and_readable():
    found = smoothed_loss(quadratic(), sigma=0.3, law="sphere")
    assert json.loads(json.dumps(found.to_dict()))["gap"]["estimate"] == found.gap.estimate
    assert "sphere noise" in found.words
    assert f"{found.estimate:.4g} on average" in found.words
    assert "<table>" in found._repr_html_()


# The line


def test_along_a_line_a_corner_is_rounded_as_the_closed_form_says():
    corner = Formula(lambda w: w.abs().sum(), torch.zeros(1).double())
    found = smoothed_line(corner, torch.ones(1).double(), sigmas=[0.5, 1.0], points=5, samples=400)
    assert found.values == (1.0, 0.5, 0.0, 0.5, 1.0)
    for sigma, smoothed in found.smoothed.items():
        for alpha, one in zip(found.alphas, smoothed, strict=True):
            expected = stats.foldnorm(abs(alpha) / sigma, scale=sigma).mean()
            assert abs(one.estimate - expected) < 4 * one.stderr
    assert json.loads(json.dumps(found.to_dict()))["length"] == 1.0


def test_every_place_of_a_line_has_the_same_noise():
    linear = Formula(lambda w: (w @ vector(2)).square(), torch.zeros(SIZE).double())
    found = smoothed_line(linear, vector(2), sigmas=[0.3], points=5, samples=6)
    gaps = [one.estimate - value for one, value in zip(found.smoothed[0.3], found.values, strict=True)]
    assert gaps == pytest.approx([gaps[0]] * 5)


def test_the_line_of_a_model_is_a_random_direction_and_starts_at_its_loss(make_llama, toy_batches):
    loss = uk.TokenMeanLoss(make_llama(0), toy_batches)
    found = smoothed_line(loss, sigmas=[0.02], points=3, samples=2)
    assert found.values[1] == pytest.approx(loss().item(), rel=1e-6)
    ways = uk.flatness.random_direction(loss, seed=0)
    assert found.length == pytest.approx(math.sqrt(sum(float(way.square().sum()) for way in ways)), rel=1e-5)


# Nobody's model changes


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("look", [smoothed_loss, smoothed_line])
def test_weights_are_back_to_the_bit_after_an_error(error, look):
    for at in (3, 8):
        loss = Stops(error, at)
        with pytest.raises(error, match="stopped"):
            look(loss)
        assert loss.restored()


def test_a_model_is_left_as_it_was(make_llama, toy_batches):
    model = make_llama(0).train()
    parameter = next(model.parameters())
    parameter.grad = torch.ones_like(parameter)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    state = torch.get_rng_state()
    smoothed_loss(uk.TokenMeanLoss(model, toy_batches), sigma=0.1, samples=2)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    assert model.training
    assert torch.equal(parameter.grad, torch.ones_like(parameter))
    assert torch.equal(state, torch.get_rng_state())


def test_a_formula_moves_nobodys_tensor():
    mine = torch.ones(3)
    smoothed_loss(Formula(lambda w: w.sum(), mine), samples=2)
    assert torch.equal(mine, torch.ones(3))
    assert not mine.requires_grad


def test_closed_forms_look_where_they_say():
    assert FORMULAS["rectified"]()().item() == 0.0
    assert OFFSET < 0
