"""The loss is torch's own, whatever the padding and the order, and its gradient is the true one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from unlearnkit.losses import mean_nll, nll_of, predictions, sequence_nll, target_nll, token_nll
from unlearnkit.precision import true_double
from unlearnkit.testbeds.batches import collate
from unlearnkit.testbeds.encoding import encode_rows


@pytest.fixture(scope="module")
def rows(toy):
    return toy.encode(toy.retain)


def test_a_loss_written_out():
    # two tokens to predict, uniform over 4 and over 2 of 4: ln 4 and ln 2
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1e9, -1e9], [5.0, 0.0, 0.0, 0.0]]])
    nll = nll_of(logits, torch.tensor([[3, 1, -100]]))
    assert nll[0].tolist() == pytest.approx([1.3862943611, 0.6931471806, 0.0], abs=1e-6)


def test_an_unpadded_row_costs_what_hugging_face_says(toy, rows):
    for row in rows[:6]:
        batch = collate([row], pad_id=0)
        theirs = toy.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
        assert mean_nll(toy.model, batch).item() == pytest.approx(theirs.item(), rel=1e-6)


def test_a_batch_costs_what_torch_says_token_by_token(toy, rows):
    # torch's own log_softmax, each token looked up by hand from a run of its row alone
    batch = collate(rows[:8], pad_id=toy.tokenizer.pad_token_id)
    ours = sequence_nll(toy.model, batch).double()
    for i, row in enumerate(rows[:8]):
        logits = toy.model(input_ids=torch.tensor([row.input_ids])).logits[0].log_softmax(dim=-1)
        pairs = [(at, label) for at, label in enumerate(row.labels) if label != -100]
        by_hand = -sum(logits[at - 1, label].double() for at, label in pairs)
        assert ours[i].item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_sums_and_means_fit_together(toy, rows):
    batch = collate(rows[:8], pad_id=toy.tokenizer.pad_token_id)
    tokens = sum(label != -100 for row in rows[:8] for label in row.labels)
    nll = token_nll(toy.model, batch)
    assert nll.shape == (8, batch["labels"].shape[1] - 1)
    assert torch.equal(sequence_nll(toy.model, batch), nll.sum(dim=1))
    assert mean_nll(toy.model, batch).item() == pytest.approx(nll.sum().item() / tokens, rel=1e-6)


def test_the_mean_weighs_tokens_and_not_rows(toy, rows):
    short, long = min(rows, key=lambda r: len(r.target_ids)), max(rows, key=lambda r: len(r.target_ids))
    together = mean_nll(toy.model, collate([short, long], pad_id=0)).item()
    alone = [mean_nll(toy.model, collate([row], pad_id=0)).item() for row in (short, long)]
    counts = [len(short.target_ids), len(long.target_ids)]
    by_token = sum(a * n for a, n in zip(alone, counts, strict=True)) / sum(counts)
    assert together == pytest.approx(by_token, rel=1e-6)
    assert together != pytest.approx(sum(alone) / 2, rel=1e-4)  # the mistake


@given(order=st.permutations(range(6)), extra=st.integers(0, 20), pad_id=st.sampled_from([0, 2, 17]))
@settings(max_examples=15)
def test_padding_and_order_change_nothing(toy, rows, order, extra, pad_id):
    chosen = rows[2:8]
    reference = sequence_nll(toy.model, collate(chosen, pad_id=0))
    batch = collate([chosen[i] for i in order], pad_id=pad_id)
    for name, fill in (("input_ids", pad_id), ("attention_mask", 0), ("labels", -100)):
        batch[name] = torch.nn.functional.pad(batch[name], (0, extra), value=fill)
    torch.testing.assert_close(sequence_nll(toy.model, batch), reference[list(order)], rtol=1e-6, atol=1e-5)
    mean = mean_nll(toy.model, batch).item()
    assert mean == pytest.approx(mean_nll(toy.model, collate(chosen, pad_id=0)).item(), abs=1e-6)


def test_the_targets_alone_cost_what_they_cost_among_the_rest(toy, rows):
    for pad in ("right", "left"):
        batch = collate(rows[:6], pad_id=0)
        batch["labels"][0, 3] = 0  # the pad token may be a target, too
        if pad == "left":
            batch = {name: tensor.flip(1) for name, tensor in batch.items()}
        asked = batch["labels"][:, 1:] != -100
        assert 0 < int(asked.sum()) < asked.numel()
        assert torch.equal(target_nll(toy.model, batch), token_nll(toy.model, batch)[asked])


def test_padding_on_the_left_is_masked_too(toy, rows):
    # on the right nothing attends to padding anyway; here only the mask keeps it out (RoPE is relative)
    batch = collate(rows[:1], pad_id=0)
    fills = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    left = {name: torch.nn.functional.pad(batch[name], (7, 0), value=fill) for name, fill in fills.items()}
    assert mean_nll(toy.model, left).item() == pytest.approx(mean_nll(toy.model, batch).item(), rel=1e-5)


def test_the_pad_token_is_a_target_where_a_label_says_so(toy, rows):
    # only labels decide; a mask made of ids != pad would lose these tokens
    ids = torch.tensor([[5, 0, 7, 0]])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}
    assert (token_nll(toy.model, batch) > 0).all()


def test_labels_are_shifted_once(toy, rows):
    row = collate(rows[:1], pad_id=0)
    logits, targets = predictions(toy.model, row)
    assert torch.equal(targets, row["input_ids"][:, 1:].where(row["labels"][:, 1:] != -100, -100))
    assert torch.equal(logits, toy.model(input_ids=row["input_ids"]).logits[:, :-1])


def test_half_precision_losses_are_taken_in_float32(make_llama, rows):
    batch = collate(rows[:4], pad_id=0)
    half = make_llama().to(torch.bfloat16)
    nll = token_nll(half, batch)
    assert nll.dtype == torch.float32
    by_hand = torch.nn.functional.cross_entropy(
        half(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        .logits[:, :-1].double().flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="none",
    )  # fmt: skip
    torch.testing.assert_close(nll.flatten().double(), by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss_of", [mean_nll, lambda *a: sequence_nll(*a).sum()], ids=["mean", "sum"])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_gradient_is_the_finite_difference(family, loss_of, make_llama, toy):
    """Central differences along random directions, in true double.

    Rounding, 1e-15 of the loss divided by h = 1e-6, and curvature, 1e4 h^2, are each 1e-8 of the slope.
    """
    given = _tiny_gpt2(len(toy.tokenizer)) if family == "gpt2" else make_llama(0, hidden_size=8)
    batch = collate(encode_rows(toy.retain.rows[:3], toy.tokenizer), pad_id=0)
    with true_double(given) as model:
        loss = loss_of(model, batch)
        assert loss.dtype == torch.float64
        gradient = torch.autograd.grad(loss, list(model.parameters()))
        for seed in range(3):
            draw = torch.Generator().manual_seed(seed)
            direction = [torch.randn(p.shape, generator=draw, dtype=p.dtype) for p in model.parameters()]
            slope = sum((g * d).sum() for g, d in zip(gradient, direction, strict=True)).item()
            difference = _central_difference(lambda: loss_of(model, batch).item(), model, direction, 1e-6)
            assert slope == pytest.approx(difference, rel=1e-6)


def _tiny_gpt2(vocabulary: int) -> GPT2LMHeadModel:
    config = GPT2Config(vocab_size=vocabulary, n_positions=128, n_embd=8, n_layer=2, n_head=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPT2LMHeadModel(config).eval()


@torch.no_grad()
def _central_difference(loss, model, direction, step: float) -> float:
    values = []
    for sign in (1, -2):
        for weight, along in zip(model.parameters(), direction, strict=True):
            weight.add_(along, alpha=sign * step)
        values.append(loss())
    for weight, along in zip(model.parameters(), direction, strict=True):
        weight.add_(along, alpha=step)
    return (values[0] - values[1]) / (2 * step)
