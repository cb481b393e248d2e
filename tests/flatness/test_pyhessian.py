"""PyHessian through the adapter is right; bare, on the same model, it is not."""

from __future__ import annotations

import copy
import math
import runpy

import numpy as np
import pyhessian
import pytest
import torch
from scipy.stats import wasserstein_distance

from unlearnkit import flatness
from unlearnkit.errors import BadInput
from unlearnkit.flatness import top_eigenvalues
from unlearnkit.flatness.pyhessian import PyHessian
from unlearnkit.precision import true_double
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import ragged_batches, tiny_llama, trained_llama, whole_hessian

BATCHES = {"one batch": slice(0, 1), "several": slice(None)}


@pytest.fixture(scope="module")
def trained():
    return trained_llama()


@pytest.fixture(params=BATCHES.values(), ids=BATCHES)
def loss(trained, request):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches()[request.param])


@pytest.fixture
def ragged(trained):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches())


def exact(loss: TokenMeanLoss) -> tuple[torch.Tensor, torch.Tensor]:
    """All eigenvalues by falling modulus, and the Hessian, in float64 numbers of a float32 model."""
    hessian = whole_hessian(loss).double()
    values = torch.linalg.eigvalsh((hessian + hessian.T) / 2)
    return values[values.abs().argsort(descending=True)], hessian


class Bare(torch.nn.Module):
    """What PyHessian itself asks for, on one unpadded batch: ids in, logits out."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids).logits[:, :-1].flatten(0, 1)


def bare(model, **data):
    return pyhessian.hessian(Bare(model), torch.nn.CrossEntropyLoss(), cuda=False, **data)


@pytest.fixture
def unpadded(trained):
    """A batch without padding, for the bare library, and the loss that it stands for."""
    ids = torch.randint(0, 12, (3, 6), generator=torch.Generator().manual_seed(4))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    loss = TokenMeanLoss(copy.deepcopy(trained), [batch])
    return loss, (ids, ids[:, 1:].flatten())


# The same numbers as our own


def test_its_eigenvalues_are_our_own_and_the_whole_hessians(loss):
    """Its own normalisation adds 1e-6 to a vector's length of 1, so all are 2e-6 too small; ours are not."""
    with true_double(loss.model) as double:
        loss = loss.with_model(double)
        found = PyHessian(loss).eigenvalues(2, tolerance=1e-8)
        ours = top_eigenvalues(loss, 2, tolerance=1e-8)
        true = exact(loss)[0][:2]
    assert found.values.tolist() == pytest.approx(ours.values.tolist(), rel=1e-5)
    assert found.values.tolist() == pytest.approx((true / (1 + 1e-6) ** 2).tolist(), rel=5e-7)
    assert ours.values.tolist() == pytest.approx(true.tolist(), rel=1e-8)
    cosines = (found.vectors * ours.vectors).sum(dim=1).abs()
    assert cosines.tolist() == pytest.approx([1.0] * 2, abs=1e-3)


def test_its_residuals_are_those_of_the_whole_hessian(ragged):
    found = PyHessian(ragged).eigenvalues(2)
    hessian = exact(ragged)[1]
    for value, vector, residual in zip(found.values, found.vectors.double(), found.residuals, strict=True):
        assert (hessian @ vector - value * vector).norm().item() == pytest.approx(
            residual.item(), rel=1e-2, abs=1e-4
        )


def test_its_tolerance_is_between_iterates_and_no_bound_on_the_error(ragged):
    """At its default, 1e-3, some of the top 5 are further off than that, and are said to be not converged."""
    found = PyHessian(ragged).eigenvalues(5, tolerance=1e-3)
    true = exact(ragged)[0][:5]
    errors = ((found.values - true) / true).abs()
    assert errors.max() > 2e-3
    assert found.residuals.max() > 1e-3 * true.abs().max()
    assert not found.converged
    nearest = (exact(ragged)[0][None] - found.values[:, None]).abs().min(dim=1).values
    assert (nearest <= found.residuals + 1e-4).all()  # ours are a bound


def test_its_trace_covers_the_truth_and_does_not_stop_before(loss):
    found = PyHessian(loss, seed=1).trace(samples=60)
    hessian = exact(loss)[1]
    assert (found.samples, found.hvps) == (60, 60)
    assert found.interval[0] < hessian.trace() < found.interval[1]
    spread = math.sqrt(2 * float(hessian.square().sum() - hessian.diag().square().sum()) / 60)
    assert found.stderr == pytest.approx(spread, rel=0.35)


class Negated(TokenMeanLoss):
    """What gradient ascent goes down."""

    def batch_sum(self, index):
        return -super().batch_sum(index)


class Squared(TokenMeanLoss):
    """A loss of another form, whose Hessian is no multiple of the plain one's."""

    def batch_sum(self, index):
        return super().batch_sum(index) ** 2


@pytest.mark.parametrize("kind", [Negated, Squared])
def test_a_loss_of_another_form_is_looked_at_as_it_is(kind, ragged):
    loss = kind(ragged.model, ragged.batches)
    found = PyHessian(loss).eigenvalues(1, tolerance=1e-6).values[0].item()
    assert found == pytest.approx(exact(loss)[0][0].item(), rel=1e-4)
    assert abs(found / exact(ragged)[0][0].item() - 1) > 0.1


def test_a_negative_trace_does_not_stop_after_two_samples(unpadded):
    loss, data = unpadded
    negative = lambda out, y: -torch.nn.functional.cross_entropy(out, y)  # noqa: E731
    stops = []
    for seed in range(5):  # the bare library draws from the global state
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            negated = pyhessian.hessian(Bare(loss.model), negative, data=data, cuda=False)
            stops.append(len(negated.trace(maxIter=50)))
        loss.model.zero_grad()
    assert sorted(stops)[2] == 2  # its rule: the first negative mean ends it, a positive sample delays that
    found = PyHessian(Negated(loss.model, loss.batches)).trace(samples=50)
    assert (found.samples, found.hvps) == (50, 50)
    assert found.interval[0] < -exact(loss)[1].trace() < found.interval[1] < 0


def test_its_density_works_and_fits_the_whole_spectrum(loss, unpadded):
    found = PyHessian(loss).density(runs=2, steps=25)
    values = exact(loss)[0]
    assert (len(found.nodes), found.hvps, found.parameters) == (2, 50, len(values))
    for nodes, weights in zip(found.nodes, found.weights, strict=True):
        assert len(nodes) == 25
        assert weights.sum() == pytest.approx(1.0, abs=1e-4)
        assert nodes.max() == pytest.approx(values.max().item(), rel=1e-3)
    off = wasserstein_distance(
        values.numpy(), np.concatenate(found.nodes), None, np.concatenate(found.weights)
    )
    assert off < 0.02 * (values.max() - values.min()).item()
    with pytest.raises(RuntimeError, match="now removed"):  # bare
        bare(unpadded[0].model, data=unpadded[1]).density(iter=3, n_v=1)
    unpadded[0].model.zero_grad()


def test_ragged_batches_are_weighted_by_token_and_not_by_sequence(ragged):
    """Bare, a mean over targets weighs a token by the sequences of its batch: another Hessian."""
    right, by_sequence = exact(ragged)[0][0].item(), torch.zeros(())
    for batch in ragged.batches:
        share = len(batch["labels"]) / 5
        by_sequence = by_sequence + share * exact(TokenMeanLoss(ragged.model, [batch]))[1]
    wrong = torch.linalg.eigvalsh(by_sequence)[-1].item()
    found = PyHessian(ragged).eigenvalues(1, tolerance=1e-6).values[0].item()
    assert found == pytest.approx(right, rel=1e-5)
    assert abs(wrong / right - 1) > 1e-3


# Two on one model


def test_two_bare_objects_on_one_model_see_each_others_gradients_and_ours_do_not(unpadded):
    loss, data = unpadded
    top = exact(loss)[0][0].item()
    both = [bare(loss.model, data=data) for _ in range(2)]
    found = [each.eigenvalues(maxIter=500, tol=1e-6)[0][0] for each in both]
    assert found[0] == pytest.approx(top, rel=1e-4)
    assert found[1] == pytest.approx(2 * top, rel=1e-4)  # twice the truth, and nothing is said
    # ours are right even on a model with gradients that somebody may still differentiate
    bare(loss.model, data=data)
    assert loss.weights[0].grad.requires_grad
    ours = [PyHessian(loss).eigenvalues(1, tolerance=1e-6).values[0].item() for _ in range(2)]
    assert ours == pytest.approx([top] * 2, rel=1e-5)
    loss.model.zero_grad()


def test_two_objects_take_turns(loss):
    other = TokenMeanLoss(loss.model, ragged_batches()[1:])
    alone = [PyHessian(each).trace(samples=5).estimate for each in (loss, other)]
    both = [PyHessian(each) for each in (loss, other)]
    assert [each.trace(samples=5).estimate for each in both] == alone
    assert [each.trace(samples=5).estimate for each in both[::-1]] == alone[::-1]


def test_fused_attention_is_no_obstacle(ragged):
    fused = tiny_llama(attn_implementation="sdpa")
    fused.load_state_dict(ragged.model.state_dict())
    found = PyHessian(ragged.with_model(fused)).eigenvalues(1, tolerance=1e-6).values
    assert found.tolist() == pytest.approx(exact(ragged)[0][:1].tolist(), rel=2e-5)


def test_of_a_generator_the_bare_library_makes_nan_and_ours_an_error(unpadded):
    loss, data = unpadded
    values = bare(loss.model, dataloader=(pair for pair in [data])).trace(maxIter=3)
    assert any(math.isnan(value) for value in values)
    with pytest.raises(BadInput, match=r"^batches must be a list of mappings, but a generator was given"):
        TokenMeanLoss(loss.model, (batch for batch in loss.batches))
    with pytest.raises(
        BadInput, match=r"^loss must be a TokenMeanLoss\(model, \[batch, …\]\), but a generator"
    ):
        PyHessian(batch for batch in loss.batches)


def test_the_room_names_it_without_an_import_of_its_own():
    names = runpy.run_path(flatness.__file__)
    assert "pyhessian" in names["__all__"]
    assert names["pyhessian"].PyHessian is PyHessian
