"""SAM against hand arithmetic, its own second-order prediction, and another library."""

from __future__ import annotations

import math

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import SAM, LossClosure

PLAIN = {"base": "sgd", "max_grad_norm": None}


def test_its_first_two_steps_are_these_by_hand():
    # f = (x^2 + 4 y^2) / 2 at (3, 1): g = (3, 4), of length 5, so the place looked at is (3.3, 1.4);
    # the gradient there is (3.3, 5.6), and the step goes to (2.67, 0.44)
    weight, seen = torch.nn.Parameter(torch.tensor([3.0, 1.0])), []

    def loss_of():
        seen.append(weight.tolist())
        return (weight.square() * torch.tensor([1.0, 4.0])).sum() / 2

    sam = SAM([weight], lr=0.1, rho=0.5, **PLAIN)
    assert sam.step(loss_of).item() == pytest.approx(6.5)
    assert seen == [[3.0, 1.0], pytest.approx([3.3, 1.4])]
    assert weight.tolist() == pytest.approx([2.67, 0.44])
    # there g = (2.67, 1.76)
    slope = math.hypot(2.67, 1.76)
    sam.step(loss_of)
    assert seen[3] == pytest.approx([2.67 + 0.5 * 2.67 / slope, 0.44 + 0.5 * 1.76 / slope])
    assert weight.tolist() == pytest.approx([2.67 - 0.1 * seen[3][0], 0.44 - 0.1 * 4 * seen[3][1]])


def network(seed=0):
    """A small network whose tensors have gradients of very different lengths, and its loss."""
    draw = torch.Generator().manual_seed(seed)
    shapes = ((8, 4), (8,), (1, 8))
    weights = [torch.nn.Parameter(torch.randn(shape, generator=draw)) for shape in shapes]
    inputs, targets = torch.randn(16, 4, generator=draw), torch.randn(16, 1, generator=draw)

    def loss_of():
        first, bias, second = weights
        return (torch.tanh(inputs @ first.T + bias) @ second.T * 3 - targets).square().mean()

    return weights, loss_of


@pytest.mark.parametrize("base", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("rho", [0.05, 1.0])
def test_it_takes_the_steps_of_pytorch_optimizers_sam(base, rho):
    other = pytest.importorskip("pytorch_optimizer")
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[base]
    (ours, our_loss), (theirs, their_loss) = network(), network()
    sam = SAM(ours, lr=0.01, rho=rho, base=base, max_grad_norm=None)
    peer = other.SAM(theirs, rule, rho=rho, lr=0.01)

    def closure():
        peer.zero_grad()
        loss = their_loss()
        loss.backward()
        return loss

    for _ in range(10):
        loss = sam.step(our_loss)
        assert loss.item() == pytest.approx(closure().item(), rel=1e-5)
        peer.step(closure)
    for mine, others in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, others, rtol=1e-5, atol=1e-6)


def test_the_loss_it_looks_at_is_what_the_second_order_says():
    # L + rho |g| + rho^2 gT H g / (2 |g|^2), exact for a quadratic
    draw = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    H, rho = root @ root.T, 0.3
    weight = torch.nn.Parameter(torch.randn(6, generator=draw, dtype=torch.float64))
    g, losses = H @ weight.detach(), []

    def loss_of():
        loss = weight @ H @ weight / 2
        losses.append(loss.item())
        return loss

    SAM([weight], lr=1e-3, rho=rho, **PLAIN).step(loss_of)
    curvature = (g @ H @ g / g.square().sum()).item()
    assert losses[1] == pytest.approx(losses[0] + rho * g.norm().item() + rho**2 * curvature / 2, rel=1e-13)


def test_rho_is_the_distance_over_all_weights_together():
    weights, loss_of = network()
    start, seen = [weight.detach().clone() for weight in weights], []

    def watched():
        seen.append([weight.detach().clone() for weight in weights])
        return loss_of()

    SAM(weights, rho=0.7).step(watched)
    moved = [(there - here).norm().item() for here, there in zip(start, seen[1], strict=True)]
    assert math.hypot(*moved) == pytest.approx(0.7, rel=1e-5)
    assert all(length < 0.69 for length in moved)


def test_a_group_has_its_own_rho():
    near, far = (torch.nn.Parameter(torch.tensor([1.0])) for _ in range(2))
    seen = []
    sam = SAM([{"params": [near], "rho": 0.1}, {"params": [far]}], rho=1.0)
    sam.step(lambda: seen.append((near.item(), far.item())) or (near + far).sum())
    assert seen[1] == pytest.approx((1 + 0.1 / 2**0.5, 1 + 1 / 2**0.5))


def test_at_a_place_without_a_slope_it_stays():
    weight = torch.nn.Parameter(torch.zeros(3))
    SAM([weight], lr=0.1).step(lambda: weight.square().sum())
    assert weight.tolist() == [0.0, 0.0, 0.0]


# On the forget term alone: ascent on f = -(x^2 + y^2) / 2, and a retain term r = 5 (x^2 + y^2).


def forget_problem(seen):
    weight = torch.nn.Parameter(torch.tensor([0.6, 0.8]))

    def part(name, factor):
        def value():
            seen.append((name, weight.tolist()))
            return factor * weight.square().sum()

        return value

    return weight, LossClosure(part("loss", 4.5), forget=part("forget", -0.5), retain=part("retain", 5.0))


def test_on_the_forget_term_its_step_is_this_by_hand():
    # g_f = -(0.6, 0.8), of length 1, so with rho 0.5 the forget gradient is taken at (0.3, 0.4), and is
    # -(0.3, 0.4); the retain gradient is taken at (0.6, 0.8), and is (6, 8); their sum is (5.7, 7.6)
    seen = []
    weight, closure = forget_problem(seen)
    loss = SAM([weight], lr=0.1, rho=0.5, on="forget", **PLAIN).step(closure)
    assert loss.item() == pytest.approx(4.5)
    assert weight.tolist() == pytest.approx([0.6 - 0.57, 0.8 - 0.76], abs=1e-6)
    start = torch.tensor([0.6, 0.8]).tolist()
    assert seen == [("forget", start), ("forget", pytest.approx([0.3, 0.4])), ("retain", start)]


def test_on_the_whole_loss_it_goes_elsewhere():
    # g = 9 (0.6, 0.8): the place is (0.9, 1.2), and the gradient there (8.1, 10.8)
    seen = []
    weight, closure = forget_problem(seen)
    SAM([weight], lr=0.1, rho=0.5, **PLAIN).step(closure)
    assert weight.tolist() == pytest.approx([0.6 - 0.81, 0.8 - 1.08])
    assert [name for name, _ in seen] == ["loss", "loss"]


@pytest.mark.parametrize(
    "options", [{"rho": -0.1}, {"rho": "wide"}, {"on": "retain"}, {"max_grad_norm": 0.0}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        SAM([torch.nn.Parameter(torch.zeros(1))], **options)
