"""The Gauss-Newton-Bartlett estimate against the matrix it is named after, in closed form.

The model is a table: the logits after token a are its row W[a]. So of T tokens n_a are a, and the diagonal of
JT (diag(p) - p pT) J, averaged over tokens, is n_a / T p_c (1 - p_c) at W[a, c].
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from unlearnkit.errors import WrongClosure
from unlearnkit.losses import NO_TARGET, mean_nll, sampled_nll
from unlearnkit.optim import LossClosure, gauss_newton_bartlett

DRAWS = 1500
TOKENS = torch.tensor([[0, 1, 1, 2, 0, 1, 3], [1, 2, 0, 0, 2, 3, 3]])  # 3 stands for padding


class Table(torch.nn.Module):
    """What comes after a token depends on that token alone."""

    def __init__(self, seed=0):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.rows = torch.nn.Parameter(torch.randn(4, 4, generator=draw))

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.rows[input_ids])


def batch_of(tokens):
    return {
        "input_ids": tokens,
        "attention_mask": tokens != 3,
        "labels": tokens.where(tokens != 3, NO_TARGET),
    }


def closure_of(model, batch):
    """As the unlearning loop makes it: the mean over the labels that were drawn, and their number."""

    def sampled(source):
        total, count = sampled_nll(model, batch, source)
        return total / count, count

    return LossClosure(partial(mean_nll, model, batch), sampled=sampled)


def estimate(model, batch, step=0, seed=0):
    (found,) = gauss_newton_bartlett(
        closure_of(model, batch), [model.rows], seed=seed, step=step, name="here"
    )
    return found


def exact(model, batch):
    """JT (diag(p) - p pT) J, averaged over the tokens that have a target: the diagonal, from J itself."""
    had_target = batch["labels"][:, 1:] != NO_TARGET
    contexts = batch["input_ids"][:, :-1][had_target]
    jacobian = torch.func.jacrev(lambda rows: rows[contexts])(model.rows.detach().double())
    p = model.rows.detach().double()[contexts].softmax(dim=-1)
    middle = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("tcij,tcd,tdij->ij", jacobian, middle, jacobian) / len(contexts)


@pytest.fixture(scope="module")
def drawn():
    """Estimates of many steps, and the exact diagonal."""
    model, batch = Table(), batch_of(TOKENS)
    rows = torch.stack([estimate(model, batch, step) for step in range(DRAWS)]).double().numpy()
    return rows, exact(model, batch).numpy()


def near(rows, expected):
    """Whether the mean is the expected one everywhere, within 4 standard errors."""
    error = rows.std(axis=0, ddof=1) / DRAWS**0.5
    return bool((np.abs(rows.mean(axis=0) - expected) <= 4 * error + 1e-12).all())


def test_the_exact_diagonal_is_the_closed_form():
    model = Table()
    p = model.rows.detach().double().softmax(dim=-1)
    counts = torch.bincount(TOKENS[:, :-1][TOKENS[:, 1:] != 3], minlength=4) / (TOKENS[:, 1:] != 3).sum()
    torch.testing.assert_close(exact(model, batch_of(TOKENS)), counts[:, None] * p * (1 - p))


def test_its_mean_is_the_exact_gauss_newton_diagonal(drawn):
    assert near(*drawn)
    assert (drawn[0] >= 0).all()


@pytest.mark.parametrize("factor", [1 / 10, 10.0], ids=["without the count", "the count twice"])
def test_the_check_catches_another_factor(drawn, factor):
    rows, expected = drawn
    assert not near(rows * factor, expected)


def test_the_squared_gradient_at_the_true_labels_is_something_else(drawn):
    _, expected = drawn
    model, batch = Table(), batch_of(TOKENS)
    (gradient,) = torch.autograd.grad(mean_nll(model, batch), [model.rows])
    fisher = 10 * gradient.square().numpy()
    assert fisher[:3].max() > 2 * expected.max()


def test_at_a_minimum_the_squared_gradient_is_zero_and_the_curvature_is_not():
    # after 0 comes 1 or 2, each as often: the best row says so, and no gradient is left there
    model, batch = Table(), batch_of(torch.tensor([[0, 1], [0, 2]]))
    with torch.no_grad():
        model.rows[0] = torch.tensor([-40.0, 0.0, 0.0, -40.0])
    (gradient,) = torch.autograd.grad(mean_nll(model, batch), [model.rows])
    assert gradient.abs().max() < 1e-7
    mean = torch.stack([estimate(model, batch, step) for step in range(100)]).mean(dim=0)
    assert exact(model, batch)[0, 1:3].tolist() == pytest.approx([0.25, 0.25])
    assert mean[0, 1:3].tolist() == pytest.approx([0.25, 0.25], abs=4 * 0.25 / 10)


def test_labels_are_drawn_from_the_predictions_where_there_are_targets():
    # the summed loss has the gradient count * p - labels, so it tells how often each label was drawn
    model, tokens = Table(), torch.full((2, 4001), 1)
    tokens[1] = 3  # a row of padding has no targets
    total, count = sampled_nll(model, batch_of(tokens), torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(total, [model.rows])
    p = model.rows.detach()[1].softmax(dim=-1)
    labels = (count * p - gradient[1]).round().numpy()
    assert (count, labels.sum()) == (4000, 4000)
    assert stats.chisquare(labels, (4000 * p.double() / p.double().sum()).numpy()).pvalue > 0.001
    assert stats.chisquare(labels, np.full(4, 1000.0)).pvalue < 1e-6  # it has the power to tell another law
    assert not gradient[[0, 2, 3]].any()


def test_its_step_and_its_seed_decide_the_labels():
    model, batch = Table(), batch_of(TOKENS)
    one, same, later, other = (estimate(model, batch, *at) for at in ((0, 0), (0, 0), (1, 0), (0, 1)))
    assert torch.equal(one, same)
    assert not torch.equal(one, later)
    assert not torch.equal(one, other)
    assert model.rows.grad is None


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (None, "sampled part"),
        (lambda source: torch.ones(()), "must return"),
        (lambda source: (torch.ones(()), 0), "must return"),
        (lambda source: (1.5, 3), "a tensor of one number"),
    ],
)
def test_a_closure_that_does_not_tell_is_refused(told, message):
    weight = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(WrongClosure, match=message):
        gauss_newton_bartlett(LossClosure(weight.sum, sampled=told), [weight], seed=0, step=0, name="here")
