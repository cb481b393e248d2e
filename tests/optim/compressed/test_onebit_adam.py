"""1-bit Adam: torch's Adam while it warms up, then by hand and in NumPy; and wrong forms of it are caught."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import OneBitAdam

GRADIENTS = np.random.default_rng(0).normal(size=(30, 40)) * np.geomspace(0.1, 10, 40)
WARMUP = 10


def fresh(dtype=torch.float64):
    return torch.nn.Parameter(torch.linspace(-1, 1, 40, dtype=dtype))


def walk(optimizer, weight, gradients=GRADIENTS):
    """The weights after each of the given gradients."""
    places = []
    for gradient in gradients:
        weight.grad = torch.tensor(gradient, dtype=weight.dtype)
        optimizer.step()
        places.append(weight.detach().clone())
    return places


def in_numpy(*, feedback=True, frozen=True, carried=True, decay=0.0, lr=0.01, betas=(0.9, 0.99)):
    """The definition, and with an option off a known wrong form of it."""
    theta = fresh().detach().numpy().copy()
    m, v, error = np.zeros(40), np.zeros(40), np.zeros(40)
    for t, gradient in enumerate(GRADIENTS, start=1):
        m = betas[0] * m + (1 - betas[0]) * gradient
        step = m
        if t <= WARMUP or not frozen:
            v = betas[1] * v + (1 - betas[1]) * gradient**2
        if t > WARMUP:
            meant = m + error
            step = np.sign(meant) * np.abs(meant).mean()
            error = meant - step if feedback else error
            m = step if carried else m
        v_hat = v / (1 - betas[1] ** (min(t, WARMUP) if frozen else t))
        theta = theta * (1 - lr * decay) - lr * step / (1 - betas[0] ** t) / (np.sqrt(v_hat) + 1e-8)
    return theta


def test_warming_up_it_is_torchs_adam_to_the_bit():
    ours, theirs = fresh(torch.float32), fresh(torch.float32)
    first = walk(OneBitAdam([ours], lr=0.01, warmup=30), ours)
    second = walk(torch.optim.Adam([theirs], lr=0.01, foreach=False), theirs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_warming_up_with_a_decay_it_is_torchs_adamw_to_the_bit():
    ours, theirs = fresh(torch.float32), fresh(torch.float32)
    first = walk(OneBitAdam([ours], lr=0.01, warmup=30, weight_decay=0.3), ours)
    second = walk(torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.3, foreach=False), theirs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_three_steps_by_hand():
    # betas of 1/2, one step of warm-up: m = (1, -2), v = (2, 8), v / (1 - 1/2) = (4, 16), root (2, 4)
    weight = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = OneBitAdam([weight], lr=1.0, betas=(0.5, 0.5), eps=1e-30, warmup=1)
    state = optimizer.state[weight]
    (place,) = walk(optimizer, weight, [[2.0, -4.0]])
    assert place.tolist() == [-1.0, 1.0]  # (1, -2) / (1 - 1/2) / (2, 4), against it

    # c = m / 2 + g / 2 = (0.5 + 0.5, -1 - 2) = (1, -3): mean magnitude 2, m = (2, -2), error = (-1, -1)
    (place,) = walk(optimizer, weight, [[1.0, -4.0]])
    assert state["m"].tolist() == [2.0, -2.0]
    assert state["error"].tolist() == [-1.0, -1.0]
    assert state["v"].tolist() == [2.0, 8.0]
    assert place.tolist() == pytest.approx([-1 - 2 / 0.75 / 2, 1 + 2 / 0.75 / 4])

    # m / 2 + g / 2 = (1 + 1, -1 - 0) = (2, -1), with the error (1, -2): mean 1.5, error (-0.5, -0.5)
    walk(optimizer, weight, [[2.0, 0.0]])
    assert state["m"].tolist() == [1.5, -1.5]
    assert state["error"].tolist() == [-0.5, -0.5]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_it_is_the_formula_in_numpy(decay):
    weight = fresh()
    optimizer = OneBitAdam([weight], lr=0.01, betas=(0.9, 0.99), warmup=WARMUP, weight_decay=decay)
    np.testing.assert_allclose(walk(optimizer, weight)[-1].numpy(), in_numpy(decay=decay), rtol=1e-10)


@pytest.mark.parametrize("wrong", ["feedback", "frozen", "carried"])
def test_the_check_catches_wrong_forms(wrong):
    # error dropped, v not frozen, the full momentum carried: all far from the definition
    assert np.abs(in_numpy(**{wrong: False}) - in_numpy()).max() > 1e-3


def test_nothing_is_lost_in_compressing():
    # what was sent and what is still owed add up to what was meant, at b1 = 0 the sum of gradients
    weight = fresh()
    optimizer, sent = OneBitAdam([weight], betas=(0.0, 0.9), warmup=1), np.zeros(40)
    walk(optimizer, weight, GRADIENTS[:1])
    for gradient in GRADIENTS[1:]:
        walk(optimizer, weight, [gradient])
        sent += optimizer.state[weight]["m"].numpy()
    owed = optimizer.state[weight]["error"].numpy()
    np.testing.assert_allclose(sent + owed, GRADIENTS[1:].sum(axis=0), rtol=1e-9, atol=1e-9)


def test_the_compressed_momentum_has_one_magnitude():
    weight = fresh()
    optimizer = OneBitAdam([weight], warmup=WARMUP)
    walk(optimizer, weight)
    assert len(optimizer.state[weight]["m"].abs().unique()) == 1


def test_by_row_every_row_has_its_own_magnitude():
    weight = torch.nn.Parameter(torch.zeros(4, 10))
    optimizer = OneBitAdam([weight], warmup=WARMUP, per="row")
    walk(optimizer, weight, GRADIENTS.reshape(30, 4, 10))
    momentum = optimizer.state[weight]["m"].abs()
    assert [len(row.unique()) for row in momentum] == [1] * 4
    assert len(momentum.unique()) == 4


def test_what_no_gradient_reached_before_v_was_frozen_stays():
    # divided by eps alone, the second weight would go 1e5 away
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = OneBitAdam([weight], lr=1e-3, warmup=2)
    places = walk(optimizer, weight, [[1.0, 0.0], [1.0, 0.0], [1.0, 0.1], [1.0, 0.1]])
    assert [place[1].item() for place in places] == [1.0] * 4
    assert weight[0].item() < 1


def test_each_weight_counts_its_own_steps():
    early, late = fresh(), fresh()
    optimizer = OneBitAdam([early, late], warmup=2)
    walk(optimizer, early, GRADIENTS[:3])
    early.grad = None
    walk(optimizer, late, GRADIENTS[:2])
    assert optimizer.state[early]["error"].any()
    assert not optimizer.state[late]["error"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup": 0}, "no second moment to freeze"),
        ({"warmup": 2.5}, "warmup must be"),
        ({"betas": (1.0, 0.9)}, r"betas\[0\] must be"),
        ({"betas": (0.9, -0.1)}, r"betas\[1\] must be"),
        ({"eps": -1.0}, "eps must be"),
        ({"per": "column"}, "per:"),
        ({"block": 0}, "block must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        OneBitAdam([fresh()], **options)
