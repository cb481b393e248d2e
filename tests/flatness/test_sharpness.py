"""Sharpness is what its formulas say: against whole Hessians, closed forms and its own invariances."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from unlearnkit.flatness import sharpness
from unlearnkit.flatness.sharpness import KINDS
from unlearnkit.precision import true_double
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import (
    Formula,
    ragged_batches,
    rescale_value_output_,
    slopes_of,
    trained_llama,
    values_at,
    whole_hessian,
)


@pytest.fixture(scope="module")
def trained():
    return trained_llama()


@pytest.fixture
def loss(trained):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches())


def bowl(eigenvalues: torch.Tensor, start: torch.Tensor | float = 0.0) -> Formula:
    """Half of w^T H w, with these eigenvalues in random directions."""
    size = len(eigenvalues)
    draw = torch.Generator().manual_seed(3)
    turned = torch.linalg.qr(torch.randn(size, size, generator=draw, dtype=torch.float64))[0]
    matrix = turned @ torch.diag(eigenvalues.double()) @ turned.T
    return Formula(lambda w: w @ matrix @ w / 2, torch.as_tensor(start) * torch.ones(size))


# SAM


def test_sam_is_what_an_ascent_step_by_hand_gives(trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        slope = slopes_of(loss)
        after, before = values_at(loss, [0.05 * slope / slope.norm(), 0 * slope])
        assert sharpness(loss, kind="sam", radius=0.05).value == pytest.approx(after - before, rel=1e-12)


def test_sam_agrees_with_its_second_order_prediction_up_to_the_third(trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        slope, hessian = slopes_of(loss), whole_hessian(loss)
        length, bend = slope.norm(), slope @ hessian @ slope / slope.norm() ** 2
        thirds = []
        for radius in (1e-4, 2e-4, 4e-4):
            predicted = float(radius * length + radius**2 / 2 * bend)
            rise = sharpness(loss, kind="sam", radius=radius).value
            assert rise == pytest.approx(predicted, rel=2e-4)
            assert rise != pytest.approx(float(radius * length), rel=2e-3)  # the first order alone
            thirds.append((rise - predicted) / radius**3)
    assert thirds == pytest.approx([thirds[0]] * 3, rel=0.05)


def test_where_there_is_no_slope_sam_is_zero():
    assert sharpness(bowl(torch.ones(4)), kind="sam").value == 0.0


# m-sharpness


def test_m_sharpness_with_all_rows_is_sam(loss):
    plain = sharpness(loss, kind="sam", radius=0.02).value
    for rows in (5, 6, 1000):
        found = sharpness(loss, kind="sam", radius=0.02, rows=rows)
        assert (found.value, found.samples) == (plain, 1)


@pytest.mark.parametrize("rows", [1, 2])
def test_m_sharpness_displaces_each_chunk_by_its_own_gradient(trained, rows):
    with true_double(trained) as double:
        whole = TokenMeanLoss(double, ragged_batches())
        singles = [
            {name: part[row : row + 1] for name, part in batch.items()}
            for batch in whole.batches
            for row in range(len(batch["labels"]))
        ]
        rises = 0.0
        for start in range(0, 5, rows):
            chunk = TokenMeanLoss(double, singles[start : start + rows])
            slope = slopes_of(chunk)
            after, before = values_at(chunk, [0.03 * slope / slope.norm(), 0 * slope])
            rises += chunk.tokens * (after - before)
        found = sharpness(whole, kind="sam", radius=0.03, rows=rows)
        assert found.value == pytest.approx(rises / whole.tokens, rel=1e-9)
        assert found.samples == math.ceil(5 / rows)


def test_m_sharpness_is_not_smaller_for_smaller_chunks(trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        by_rows = [sharpness(loss, kind="sam", radius=1e-3, rows=rows).value for rows in (5, 2, 1)]
    assert by_rows == sorted(by_rows)
    assert by_rows[2] > 1.5 * by_rows[0]


def test_rows_without_a_target_are_in_no_chunk(trained):
    batches = ragged_batches()
    silent = {name: part.clone() for name, part in batches[0].items()}
    silent["labels"][1] = -100
    loss = TokenMeanLoss(trained, [silent, batches[1]])
    assert sharpness(loss, rows=1).samples == 4
    assert sharpness(loss, rows=4).value == pytest.approx(sharpness(loss).value, rel=1e-4)


# Worst case


@pytest.mark.parametrize("start", [0.0, 1e-4], ids=["at the minimum to the bit", "beside it"])
def test_the_worst_case_at_a_minimum_is_half_the_largest_eigenvalue(start):
    loss = bowl(torch.cat([torch.linspace(0.1, 2.0, 19), torch.tensor([5.0])]), start)
    found = sharpness(loss, kind="worst", radius=0.3, steps=25)
    assert found.value == pytest.approx(0.3**2 / 2 * 5.0, rel=1e-2 if start else 1e-4)
    assert (found.radius, found.samples) == (0.3, 25)


def test_the_worst_case_follows_the_largest_eigenvalue_not_the_largest_modulus():
    loss = bowl(
        torch.cat([torch.linspace(-6, 1, 19), torch.tensor([2.0])]), 1e-3
    )  # the first step, as long as the radius, leads down
    assert sharpness(loss, kind="sam", radius=1.0).value < 0
    assert sharpness(loss, kind="worst", radius=1.0, steps=40).value == pytest.approx(1.0, rel=2e-2)


def test_on_a_peak_no_way_leads_up_and_the_worst_case_is_zero():
    assert sharpness(bowl(torch.full((4,), -1.0)), kind="worst", radius=1.0).value == 0.0


def test_the_worst_case_away_from_a_minimum_is_the_trust_regions(trained):
    """On a quadratic the highest point of a sphere solves (mu - H) s = g with |s| = r: found by bisection."""
    eigenvalues = torch.linspace(0.1, 3.0, 12, dtype=torch.float64)
    loss = bowl(eigenvalues, 0.2)
    slope, hessian = slopes_of(loss), whole_hessian(loss)

    def step(mu: float) -> torch.Tensor:
        return torch.linalg.solve(mu * torch.eye(12, dtype=torch.float64) - hessian, slope)

    low, high = 3.0 + 1e-9, 100.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if step(middle).norm() > 0.5 else (low, middle)
    best = step(low)
    exact = float(slope @ best + best @ hessian @ best / 2)
    found = sharpness(loss, kind="worst", radius=0.5, steps=40).value
    assert exact * (1 - 1e-4) < found <= exact * (1 + 1e-9)


def test_the_worst_case_of_a_model_is_not_below_sam_nor_above_the_quadratic_bound(trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        slope, top = slopes_of(loss).norm().item(), torch.linalg.eigvalsh(whole_hessian(loss))[-1].item()
        worst = sharpness(loss, kind="worst", radius=1e-3).value
        assert sharpness(loss, kind="sam", radius=1e-3).value <= worst * (1 + 1e-12)
        assert 1e-6 / 2 * top < worst < (1e-3 * slope + 1e-6 / 2 * top) * 1.01


def test_more_steps_are_never_worse(loss):
    found = [sharpness(loss, kind="worst", radius=0.2, steps=steps).value for steps in (1, 3, 9)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(sharpness(loss, kind="sam", radius=0.2).value, rel=1e-5)


# Average and adaptive


def _draws(loss: TokenMeanLoss, samples: int) -> list[torch.Tensor]:
    """What the documented streams give: one generator a pair, one draw a weight."""
    sources = [generator(0, "sharpness", sample) for sample in range(samples)]
    return [
        torch.cat([torch.randn(weight.shape, generator=source).double().flatten() for weight in loss.weights])
        for source in sources
    ]


@pytest.mark.parametrize("kind", ["average", "adaptive"])
def test_on_the_same_draws_it_is_the_quadratic_form(kind, trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        hessian = whole_hessian(loss)
        scale = torch.cat([weight.detach().flatten().abs() for weight in loss.weights])
        scale = scale if kind == "adaptive" else torch.ones_like(scale)
        forms = torch.stack([(u * scale) @ hessian @ (u * scale) for u in _draws(loss, 12)])
        found = sharpness(loss, kind=kind, radius=1e-4, samples=12)
    assert found.value == pytest.approx(float(forms.mean()) * 1e-8 / 2, rel=2e-4)
    assert found.stderr == pytest.approx(float(forms.std()) / 12**0.5 * 1e-8 / 2, rel=2e-3)


def test_the_average_is_half_the_trace_within_its_interval(trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        hessian = whole_hessian(loss)
        found = sharpness(loss, kind="average", radius=1e-3, samples=100, seed=1)
    expected = 1e-6 / 2 * float(hessian.trace())
    spread = 1e-6 / 2 * math.sqrt(2 * float(hessian.square().sum()) / 100)  # of a normal quadratic form
    low, high = found.interval
    assert low < expected < high
    assert found.stderr == pytest.approx(
        spread, rel=0.25
    )  # without antithetic pairs the slope's, 60 times that
    assert found.samples == 100


def test_far_out_the_average_leaves_the_quadratic_regime(loss):
    near, far = (sharpness(loss, kind="average", radius=radius, samples=64) for radius in (1e-3, 3e-2))
    assert far.interval[0] / (3e-2) ** 2 > 1.1 * near.value / (1e-3) ** 2


def test_a_seed_decides_the_draws_and_nothing_else_does(loss, random_state):
    before = random_state()
    first, again, other = (sharpness(loss, kind="average", samples=4, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.value != other.value
    assert random_state() == before


# Rescaled away


def test_value_and_output_rescaled_the_function_is_the_same_and_only_some_sharpness_grows(trained):
    """Dinh et al. 2017 in attention: v_proj's rows times c a head, o_proj's columns over c."""
    with true_double(trained) as double:
        plain = TokenMeanLoss(double, ragged_batches())
        scaled = plain.with_model(rescale_value_output_(copy.deepcopy(double), (16.0, 16.0)))
        assert scaled().item() == pytest.approx(plain().item(), abs=1e-10)
        tops, traces, slopes = [], [], []
        for loss in (plain, scaled):
            hessian, slope = whole_hessian(loss), slopes_of(loss)
            size = torch.cat([weight.detach().flatten().abs() for weight in loss.weights])
            tops.append(float(torch.linalg.eigvalsh(hessian)[-1]))
            traces.append(float((size**2 * hessian.diag()).sum()))
            slopes.append(float((size * slope).norm()))
        assert tops[1] > 3 * tops[0]
        assert traces[1] == pytest.approx(traces[0], rel=1e-6)
        assert slopes[1] == pytest.approx(slopes[0], rel=1e-6)
        found = {
            kind: [sharpness(loss, kind=kind, radius=0.01, samples=8).value for loss in (plain, scaled)]
            for kind in KINDS
        }
    assert found["adaptive"][1] == pytest.approx(found["adaptive"][0], rel=1e-6)
    for kind in ("sam", "worst", "average"):
        assert found[kind][1] > 1.2 * found[kind][0]
