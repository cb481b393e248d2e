"""Every score against the model's own numbers in float64, and nothing of the model is changed."""

from __future__ import annotations

import copy
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.metrics import auc, membership_attack, membership_scores
from unlearnkit.metrics.membership import ATTACKS, VARIANTS, Variant, min_k
from unlearnkit.metrics.token_statistics import token_statistics
from unlearnkit.testbeds import Split


@pytest.fixture(scope="module")
def rows(toy):
    """Eight rows of different lengths, every token labelled."""
    return toy.encode(toy.forget, loss_on="row")[:6] + toy.encode(toy.holdout, loss_on="row")[-2:]


@pytest.fixture(scope="module")
def double(tokenizer):
    """A model in true float64: GPT-2 computes no part of itself in float32."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=len(tokenizer), n_positions=256, n_embd=16, n_layer=2, n_head=2)
        model = GPT2LMHeadModel(config).eval().double()
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(3)
    return model


def log_probs_by_hand(model, row):
    """(labelled tokens, vocabulary) by NumPy, one row at a time, and the tokens that came."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0].double().numpy()
    places = [i for i, label in enumerate(row.labels) if label != -100]
    chosen = logits[[place - 1 for place in places]]
    logs = chosen - np.log(np.exp(chosen - chosen.max(1, keepdims=True)).sum(1, keepdims=True))
    return logs - chosen.max(1, keepdims=True), [row.labels[place] for place in places]


def scores_of(model, toy, rows, *attacks, **options):
    options = {"variant": "open_unlearning", **options}
    return membership_scores(model, toy.tokenizer, rows=rows, attacks=attacks, **options)


def test_statistics_are_those_of_the_models_own_prediction(double, rows):
    found = token_statistics(double, rows, pad_id=0, rows_at_once=3)
    for row, statistics in zip(rows, found, strict=True):
        logs, tokens = log_probs_by_hand(double, row)
        means = (np.exp(logs) * logs).sum(1)
        variances = (np.exp(logs) * logs**2).sum(1) - means**2
        expected = logs[np.arange(len(tokens)), tokens]
        np.testing.assert_allclose(statistics.log_probs, expected, rtol=1e-10)
        np.testing.assert_allclose(statistics.means, means, rtol=1e-10)
        np.testing.assert_allclose(statistics.variances, variances, rtol=1e-6)


def test_an_impossible_token_counts_as_nothing(double, rows):
    class Banned(GPT2LMHeadModel):
        def forward(self, *arguments, **named):
            output = super().forward(*arguments, **named)
            output.logits[..., 7] = -torch.inf
            return output

    banned = Banned(double.config).eval().double()
    banned.load_state_dict(double.state_dict())
    kept = [row for row in rows if 7 not in row.input_ids]
    for statistics in token_statistics(banned, kept, pad_id=0):
        assert np.isfinite([statistics.means, statistics.variances]).all()


def test_batches_padding_and_order_change_nothing(double, rows):
    together = token_statistics(double, rows, pad_id=0)
    alone = [token_statistics(double, [row], pad_id=0)[0] for row in rows]
    backwards = token_statistics(double, rows[::-1], pad_id=5, rows_at_once=2)[::-1]
    for one, two, three in zip(together, alone, backwards, strict=True):
        np.testing.assert_allclose(one.log_probs, two.log_probs, rtol=1e-9)
        np.testing.assert_allclose(one.variances, three.variances, rtol=1e-9)


def test_half_precision_logits_are_scored_in_float32(toy, rows):
    half = copy.deepcopy(toy.model).to(torch.bfloat16)
    row = rows[0]
    (found,) = token_statistics(half, [row], pad_id=0)
    logs, tokens = log_probs_by_hand(half, row)  # from the same bfloat16 logits, in float64
    np.testing.assert_allclose(found.log_probs, logs[np.arange(len(tokens)), tokens], rtol=1e-5)


def test_each_score_is_what_its_paper_says(toy, make_llama, rows):
    other = make_llama(3)
    found = scores_of(toy.model, toy, rows, *ATTACKS, reference=other)
    for i, row in enumerate(VARIANTS["open_unlearning"].cut([row], bos_id=1)[0] for row in rows):
        logs, tokens = log_probs_by_hand(toy.model, row)
        given = logs[np.arange(len(tokens)), tokens]
        means, spread = (np.exp(logs) * logs).sum(1), np.sqrt((np.exp(logs) * logs**2).sum(1))
        spread = np.sqrt(spread**2 - means**2)
        theirs, _ = log_probs_by_hand(other, row)
        lowest = max(1, int(0.4 * len(tokens)))
        text = toy.tokenizer.decode(tokens, skip_special_tokens=True)
        assert found["loss"][i] == pytest.approx(-given.mean(), rel=1e-4)
        assert found["zlib"][i] == pytest.approx(-given.mean() / len(zlib.compress(text.encode())), rel=1e-4)
        assert found["min_k"][i] == pytest.approx(-np.sort(given)[:lowest].mean(), rel=1e-4)
        scaled = np.sort((given - means) / spread)[:lowest]
        assert found["min_k_plus_plus"][i] == pytest.approx(-scaled.mean(), rel=1e-3)
        difference = theirs[np.arange(len(tokens)), tokens].mean() - given.mean()
        assert found["reference"][i] == pytest.approx(difference, rel=1e-3, abs=1e-4)


def test_the_gradient_norm_is_that_of_a_backward_pass(double, toy, rows):
    found = scores_of(double, toy, rows[:3], "gradient_norm", variant="muse")["gradient_norm"]
    for row, norm in zip(rows, found, strict=False):
        model = copy.deepcopy(double)
        labels = torch.tensor([row.labels])
        model(input_ids=torch.tensor([row.input_ids]), labels=labels).loss.backward()
        squares = sum((weight.grad**2).sum() for weight in model.parameters())
        assert norm == pytest.approx(squares.sqrt().item(), rel=1e-4)


def test_frozen_weights_have_no_gradient_to_count(toy, make_llama, rows):
    model = make_llama(0)
    whole = scores_of(model, toy, rows[:1], "gradient_norm")["gradient_norm"][0]
    model.model.layers[0].requires_grad_(False)
    part = scores_of(model, toy, rows[:1], "gradient_norm")["gradient_norm"][0]
    assert 0 < part < whole
    model.requires_grad_(False)
    with pytest.raises(BadInput, match=r"no weight.*requires_grad_"):
        scores_of(model, toy, rows[:1], "gradient_norm")


def test_a_variant_says_which_tokens_count(toy, rows):
    row = rows[0]
    everything = [label for label in row.labels if label != -100]

    def counted(**changes):
        (cut,) = Variant(name="x", **changes).cut([row], bos_id=toy.tokenizer.bos_token_id)
        return list(cut.target_ids)

    assert row.input_ids[0] == toy.tokenizer.bos_token_id
    assert counted() == everything
    assert counted(last_token=False) == everything[:-1]
    assert counted(first_token=False) == everything[1:]
    (without,) = Variant(name="x", first_token=False).cut([row], bos_id=None)  # nothing opens it
    assert list(without.target_ids) == everything


def test_the_pieces_of_a_text_are_scored_as_one(double, toy, rows):
    """Each piece is read by itself; the lowest tokens, the mean and the gradient are the whole text's."""
    found = scores_of(double, toy, [rows[:3], rows[3]], "loss", "min_k", "gradient_norm", variant="muse")
    given = [value for part in token_statistics(double, rows[:3], pad_id=0) for value in part.log_probs]
    assert found["loss"][0] == pytest.approx(-np.mean(given))
    assert found["min_k"][0] == pytest.approx(-np.sort(given)[: int(0.4 * len(given))].mean())
    alone = scores_of(double, toy, rows[3:4], "loss", "min_k", "gradient_norm", variant="muse")
    assert [values[1] for values in found.values()] == pytest.approx([values[0] for values in alone.values()])
    model = copy.deepcopy(double)
    total = sum(-_summed(model, row) for row in rows[:3]) / len(given)
    total.backward()
    squares = sum((weight.grad**2).sum() for weight in model.parameters())
    assert found["gradient_norm"][0] == pytest.approx(squares.sqrt().item(), rel=1e-4)


def _summed(model, row):
    ids = torch.tensor([row.input_ids])
    logs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    return sum(logs[i - 1, label] for i, label in enumerate(row.labels) if label != -100)


def test_the_variants_give_different_numbers(toy, rows):
    muse, theirs = (scores_of(toy.model, toy, rows, "min_k", variant=name) for name in VARIANTS)
    assert muse["min_k"] != theirs["min_k"]
    (statistics,) = token_statistics(toy.model, rows[:1], pad_id=0)
    assert muse["min_k"][0] == pytest.approx(min_k(statistics.log_probs), rel=1e-5)


@pytest.mark.parametrize("attack", ATTACKS)
def test_swapped_groups_turn_the_auc_around(attack, toy, make_llama, rows):
    found = scores_of(toy.model, toy, rows, attack, reference=make_llama(3))[attack]
    assert auc(found[:4], found[4:]).value == pytest.approx(1 - auc(found[4:], found[:4]).value)
    assert len(set(found)) > 4


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_changed(attack, toy, make_llama, rows, fingerprint, random_state):
    model, other = make_llama(0).train(), make_llama(3).train()
    model.model.layers[0].eval()
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    before = fingerprint(model), fingerprint(other), random_state(), torch.is_grad_enabled()
    scores_of(model, toy, rows, attack, reference=other)
    assert (fingerprint(model), fingerprint(other), random_state(), torch.is_grad_enabled()) == before


def test_nothing_is_changed_by_an_error_either(toy, make_llama, rows, fingerprint, monkeypatch):
    model = make_llama(0).train()
    before = fingerprint(model)
    monkeypatch.setattr(model.model, "forward", lambda *_, **__: 1 / 0)
    for attack in ("loss", "gradient_norm"):
        with pytest.raises(ZeroDivisionError):
            scores_of(model, toy, rows, attack)
    assert fingerprint(model) == before


def test_gradients_are_found_where_they_are_switched_off(toy, rows):
    with torch.no_grad():
        switched_off = scores_of(toy.model, toy, rows[:1], "gradient_norm")
    assert switched_off == scores_of(toy.model, toy, rows[:1], "gradient_norm")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"attacks": ["min_k_plus"]}, UnknownName, "min_k_plus_plus"),
        ({"variant": "tofu"}, UnknownName, "muse, open_unlearning"),
        ({"k": 40}, BadInput, "k must be"),
        ({"attacks": ["reference"]}, MissingReference, "never_learned"),
    ],
)
def test_bad_options_are_named(options, error, words, toy, rows):
    with pytest.raises(error, match=words):
        membership_scores(toy.model, toy.tokenizer, rows=rows, **options)


def test_a_text_without_a_token_to_score_is_refused(toy, rows):
    bare = Variant(name="bare", first_token=False, last_token=False)
    short = type(rows[0])((1, 5), (-100, 5))
    with pytest.raises(BadInput, match=r"2 tokens has none left.*'bare'"):
        scores_of(toy.model, toy, [short], "loss", variant=bare)


def test_an_attack_without_texts_to_compare_says_what_is_missing(toy):
    with pytest.raises(MissingReference, match=r"no holdout texts.*privleak/holdout.json"):
        membership_attack(toy.model, replace(toy, holdout=Split("holdout", ())))
