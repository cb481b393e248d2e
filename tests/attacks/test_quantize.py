"""Rounding: every matrix, row by row, in a copy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unlearnkit.attacks import quantize
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.metrics import answer
from unlearnkit.rounding import SCHEMES, cells, round_matrix


def by_hand(weight: np.ndarray, bits: int) -> np.ndarray:
    """One row after the other: the largest magnitude on the last step, all others on the nearest."""
    last = {8: 127, 4: 7, 3: 3, 2: 1}[bits]
    rounded = []
    for row in weight:
        step = np.abs(row).max() / np.float32(last)
        rounded.append(np.rint(row / step) * step if step > 0 else row)
    return np.stack(rounded)


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_every_matrix_is_rounded_and_no_vector(bits, toy):
    rounded = quantize(toy.model, bits=bits)
    for (name, new), old in zip(rounded.named_parameters(), toy.model.parameters(), strict=True):
        if old.dim() == 2:
            expected = by_hand(old.detach().numpy(), bits)
            np.testing.assert_allclose(new.detach().numpy(), expected, rtol=1e-6, err_msg=name)
            assert all(len(row.unique()) <= 2**bits - 1 for row in new.detach())
        else:
            assert torch.equal(new, old), name


@pytest.mark.parametrize("model_of", ["toy", "lab"])
def test_a_tied_embedding_stays_tied_and_is_rounded_once(model_of, request):
    model = request.getfixturevalue(model_of).model
    rounded = quantize(model, bits=3)
    assert rounded.lm_head.weight is rounded.model.embed_tokens.weight
    assert rounded.lm_head.weight is not model.lm_head.weight
    expected = by_hand(model.lm_head.weight.detach().numpy(), 3)
    np.testing.assert_allclose(rounded.lm_head.weight.detach().numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_input_never_changes(training, make_llama, fingerprint, random_state):
    model = make_llama(0).train(training)
    model.model.norm.weight.grad = torch.ones_like(model.model.norm.weight)
    before, state = fingerprint(model), random_state()
    rounded = quantize(model, bits=2)
    assert fingerprint(model) == before
    assert random_state() == state
    assert not rounded.training
    assert not {id(w) for w in rounded.parameters()} & {id(w) for w in model.parameters()}


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_rounding_twice_is_rounding_once(bits, toy):
    once = quantize(toy.model, bits=bits)
    for new, old in zip(quantize(once, bits=bits).parameters(), once.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=3e-7, atol=0)


def test_fewer_bits_lose_more_of_the_weights_and_of_the_answers(lab):
    errors, shares = [], []
    for bits in (8, 4, 3, 2):
        rounded = quantize(lab.model, bits=bits)
        pairs = zip(rounded.parameters(), lab.model.parameters(), strict=True)
        errors.append(sum((new - old).square().sum().item() for new, old in pairs))
        right = answer(rounded, lab.tokenizer, lab.forget_shown.questions).right
        shares.append(sum(right) / len(right))
    assert errors == sorted(errors)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0
    assert shares[-1] < 0.2


def test_a_row_of_zeros_stays(make_llama):
    model = make_llama(0)
    with torch.no_grad():
        model.model.embed_tokens.weight[0] = 0.0
    rounded = quantize(model, bits=4)
    assert (rounded.model.embed_tokens.weight[0] == 0).all()
    assert all(weight.isfinite().all() for weight in rounded.parameters())


def test_a_weight_that_stays_in_its_bin_is_the_targets(toy, make_llama):
    # trap 15: moved by less than half a step, with the row's maximum kept, rounding takes the move back
    model = make_llama(0)
    target = quantize(model, bits=4)
    moved = make_llama(0)
    with torch.no_grad():
        for new, old in zip(moved.parameters(), target.parameters(), strict=True):
            if new.dim() == 2:
                step = old.abs().amax(dim=1, keepdim=True) / 7
                nudge = 0.45 * step * torch.where(old.abs() < 6.5 * step, 1.0, 0.0)
                new.copy_(old + nudge)
    for new, old in zip(quantize(moved, bits=4).parameters(), target.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=1e-6, atol=0)


def test_half_precision_stays_half_precision(make_llama):
    half = make_llama(0).to(torch.bfloat16)
    rounded = quantize(half, bits=4)
    assert {weight.dtype for weight in rounded.parameters()} == {torch.bfloat16}
    for new, old in zip(rounded.parameters(), half.parameters(), strict=True):
        if old.dim() == 2:  # rounded in float32, and once more to bfloat16 (a relative 2^-8)
            np.testing.assert_allclose(
                new.detach().float().numpy(), by_hand(old.detach().float().numpy(), 4), rtol=2**-8
            )


@pytest.mark.parametrize(
    "options", [{"bits": 5}, {"bits": 16}, {"bits": "4"}, {"scheme": "nf5"}, {"scheme": None}]
)
def test_other_bits_and_schemes_are_refused(options, toy):
    with pytest.raises(UnknownName, match=rf"{next(iter(options))}: .* is not known"):
        quantize(toy.model, **options)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_rounds_every_matrix_and_no_vector(scheme, toy, same_bits):
    rounded = quantize(toy.model, bits=4, scheme=scheme)
    for new, old in zip(rounded.parameters(), toy.model.parameters(), strict=True):
        assert torch.equal(new, round_matrix(old, 4, scheme) if old.dim() == 2 else old)
    # the toy's rows are no longer than a group
    assert (scheme in ("rtn", "rtn-group")) == same_bits(rounded, quantize(toy.model))


def test_what_is_skipped_stays(toy):
    rounded = quantize(toy.model, bits=4, scheme="nf4", skip=("embed_tokens", "lm_head"))
    for (name, new), old in zip(rounded.named_parameters(), toy.model.parameters(), strict=True):
        assert torch.equal(new, old) == ("layers" not in name or old.dim() < 2), name


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_change_within_the_cells_is_undone_whatever_the_scheme(scheme, make_llama):
    # trap 15: a weight that moves across no bin comes back as the target's
    target, moved = quantize(make_llama(0), bits=4, scheme=scheme), make_llama(0)
    with torch.no_grad():
        for new, old in zip(moved.parameters(), target.parameters(), strict=True):
            new.copy_(cells(old, bits=4, scheme=scheme)[2] if old.dim() == 2 else old)
    for new, old in zip(
        quantize(moved, bits=4, scheme=scheme).parameters(), target.parameters(), strict=True
    ):
        torch.testing.assert_close(new, old, rtol=1e-6, atol=1e-7)


def test_finer_grids_keep_more_of_the_weights(lab):
    # four bits each: one grid a matrix, a row, 64 weights; and values where a normal distribution has them
    errors = []
    for scheme in ("rtn-tensor", "rtn", "rtn-group", "rtn-group-asymmetric", "nf4"):
        rounded = quantize(lab.model, bits=4, scheme=scheme)
        pairs = zip(rounded.parameters(), lab.model.parameters(), strict=True)
        errors.append(sum((new - old).square().sum().item() for new, old in pairs))
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("scheme", ["nf4", "fp4"])
def test_codebooks_have_four_bits_only(scheme, toy):
    with pytest.raises(BadInput, match="has 4 bits, not 3"):
        quantize(toy.model, bits=3, scheme=scheme)
