"""The exact mean over all targets: of rows one by one, in any batches, with any padding."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.token_mean_loss import loss_fingerprint

VOCABULARY = 30


def make_batches(lengths=((7, 3, 11), (2, 5), (9,))):
    """Ragged rows, padded on the right; no target before the third token of rows that have one."""
    source, batches = torch.Generator().manual_seed(0), []
    for rows in lengths:
        ids = torch.zeros(len(rows), max(rows), dtype=torch.long)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
        for row, length in enumerate(rows):
            ids[row, :length] = torch.randint(1, VOCABULARY, (length,), generator=source)
            mask[row, :length] = 1
            labels[row, 1:length] = ids[row, 1:length]
        batches.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return batches


def make_model(kind="llama", **changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if kind == "gpt2":
            sizes = {"vocab_size": VOCABULARY, "n_embd": 8, "n_layer": 1, "n_head": 2}
            model = GPT2LMHeadModel(GPT2Config(**sizes, **changes))
        else:
            sizes = {"vocab_size": VOCABULARY, "hidden_size": 8, "intermediate_size": 12}
            heads = {"num_hidden_layers": 1, "num_attention_heads": 2}
            model = LlamaForCausalLM(LlamaConfig(**sizes, **heads, **changes))
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape), alpha=0.4)
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture
def batches():
    return make_batches()


def by_rows(model, batches):
    """Each row alone, without padding: the mean over all targets, and the mean of the batches' means."""
    total, tokens, means = 0.0, 0, []
    for batch in batches:
        sums = []
        for ids, mask, labels in zip(*batch.values(), strict=True):
            length = int(mask.sum())
            logits = model(input_ids=ids[None, :length]).logits[0, :-1]
            nll = F.cross_entropy(logits.double(), labels[1:length], ignore_index=-100, reduction="sum")
            sums.append((float(nll), int((labels[1:length] != -100).sum())))
        means.append(sum(s for s, _ in sums) / sum(n for _, n in sums))
        total, tokens = total + sum(s for s, _ in sums), tokens + sum(n for _, n in sums)
    return total / tokens, sum(means) / len(means), tokens


@torch.no_grad()
def test_it_is_the_mean_over_the_targets_of_all_rows(model, batches):
    exact, of_means, tokens = by_rows(model, batches)
    loss = uk.TokenMeanLoss(model, batches)
    assert loss.tokens == tokens
    assert float(loss()) == pytest.approx(exact, abs=2e-6)
    assert abs(of_means - exact) > 0.01


@torch.no_grad()
def test_of_one_batch_it_is_its_mean(model, batches):
    assert torch.equal(uk.TokenMeanLoss(model, batches[:1])(), mean_nll(model, batches[0]))


@torch.no_grad()
def test_padding_is_excluded_whatever_its_labels_say(model, batches):
    exact = uk.TokenMeanLoss(model, batches)
    for batch in batches:
        batch["labels"] = torch.where(batch["attention_mask"] == 0, batch["input_ids"], batch["labels"])
    careless = uk.TokenMeanLoss(model, batches)
    assert careless.tokens == exact.tokens
    assert torch.equal(careless(), exact())


def test_its_gradient_is_that_of_the_mean(model, batches):
    loss = uk.TokenMeanLoss(model, batches)
    ours = torch.autograd.grad(loss(), loss.weights)
    whole = sum(mean_nll(model, batch) * int((batch["labels"][:, 1:] != -100).sum()) for batch in batches)
    theirs = torch.autograd.grad(whole / loss.tokens, list(model.parameters()))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


def test_without_gradients_there_is_no_graph(model, batches):
    with torch.no_grad():
        assert not uk.TokenMeanLoss(model, batches)().requires_grad
    assert uk.TokenMeanLoss(model, batches)().requires_grad


def test_weights_are_those_that_require_gradients_a_tied_one_once(batches):
    model = make_model("gpt2")
    loss = uk.TokenMeanLoss(model, batches)
    assert model.lm_head.weight is model.transformer.wte.weight
    assert sum(weight is model.lm_head.weight for weight in loss.weights) == 1
    model.lm_head.weight.requires_grad_(False)
    assert not any(weight is model.lm_head.weight for weight in loss.weights)
    assert len(loss.weights) == len(list(model.parameters())) - 1


@pytest.mark.parametrize("raised", [None, RuntimeError, KeyboardInterrupt])
def test_it_is_looked_at_without_dropout_and_every_module_gets_its_mode_back(batches, raised, fingerprint):
    model = make_model("gpt2", resid_pdrop=0.5, embd_pdrop=0.5).train()
    model.transformer.h[0].eval()
    before = fingerprint(model)
    calm = uk.TokenMeanLoss(copy.deepcopy(model).eval(), batches)()
    loss = uk.TokenMeanLoss(model, batches)
    if raised is None:
        assert torch.equal(loss(), calm)
    else:
        model.lm_head.register_forward_hook(lambda *_: (_ for _ in ()).throw(raised()))
        with pytest.raises(raised):
            loss()
    assert fingerprint(model) == before


def test_a_small_model_is_looked_at_on_one_thread(model, batches):
    before, seen = torch.get_num_threads(), []
    hook = model.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        torch.set_num_threads(2)
        uk.TokenMeanLoss(model, batches)()
        assert seen == [1] * len(batches)
        assert torch.get_num_threads() == 2
    finally:
        hook.remove()
        torch.set_num_threads(before)


def test_another_model_on_the_same_data(model, batches):
    loss, other = uk.TokenMeanLoss(model, batches), make_model(num_key_value_heads=1)
    assert torch.equal(loss.with_model(other)(), uk.TokenMeanLoss(other, batches)())
    assert torch.equal(loss(), uk.TokenMeanLoss(model, batches)())


def test_a_subclass_stays_what_it_is(model, batches):
    class Negated(uk.TokenMeanLoss):
        def batch_sum(self, index):
            return -super().batch_sum(index)

    loss = Negated(model, batches)
    assert torch.equal(loss.with_model(model)(), -uk.TokenMeanLoss(model, batches)())


# What is refused


def changed(name, value):
    """Change a field of the second batch."""
    return lambda batches: [batches[0], batches[1] | {name: value(batches[1][name])}]


WRONG = {
    "generator": (lambda batches: (batch for batch in batches), "batches must be a list.*generator.*list"),
    "one batch alone": (lambda batches: batches[0], "batches must be a list.*a dict was given"),
    "no batch": (lambda batches: [], "batches: the list is empty"),
    "no mapping": (lambda batches: [batches[0]["labels"]], r"batches\[0\] must be a mapping"),
    "missing field": (
        lambda batches: [{"input_ids": batches[0]["input_ids"]}],
        "no tensor attention_mask and no",
    ),
    "list for a tensor": (
        changed("labels", lambda t: t.tolist()),
        r"batches\[1\]: there is no tensor labels",
    ),
    "other shape": (changed("labels", lambda t: t[:, :-1]), "one shape.*labels"),
    "one row alone": (
        lambda batches: [{name: tensor[0] for name, tensor in batches[0].items()}],
        r"one shape \(batch, length\)",
    ),
    "no target": (changed("labels", lambda t: torch.full_like(t, -100)), r"batches\[1\] has no target"),
    "targets at the first token only": (
        changed("labels", lambda t: torch.cat([t[:, 1:2], torch.full_like(t[:, 1:], -100)], dim=1)),
        "has no target",
    ),
    "targets on padding only": (changed("attention_mask", torch.zeros_like), "on padding"),
    "other device": (
        changed("input_ids", lambda t: t.to("meta")),
        r"batches\[1\] is on meta, the model on cpu",
    ),
    "floating tokens": (changed("input_ids", torch.Tensor.float), "input_ids must be whole numbers.*float32"),
    "unknown token": (changed("input_ids", lambda t: t + VOCABULARY), "input_ids has token .* 0 to 29"),
    "unknown target": (
        changed("labels", lambda t: torch.where(t > 0, VOCABULARY, t)),
        "labels has token 30",
    ),
    "negative target": (changed("labels", lambda t: torch.where(t > 0, -1, t)), "labels has token -1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_batches_are_refused_by_name(model, batches, wrong):
    make, message = WRONG[wrong]
    with pytest.raises(BadInput, match=f"(?s){message}"):
        uk.TokenMeanLoss(model, make(batches))


def test_what_is_no_model_is_refused(batches, toy):
    for given, message in ((toy, "must be a causal language model"), (torch.nn.Identity(), "no parameters")):
        with pytest.raises(BadInput, match=message):
            uk.TokenMeanLoss(given, batches)


def test_a_model_on_two_devices_is_refused_with_their_names(batches):
    model = make_model()
    model.lm_head.to("meta")
    with pytest.raises(BadInput, match=r"embed_tokens.weight on cpu, lm_head.weight on meta"):
        uk.TokenMeanLoss(model, batches)


# What finished work is kept under


class Halved(uk.TokenMeanLoss):
    """Another function of the same."""

    def batch_sum(self, index):
        return super().batch_sum(index) / 2


class Doubled(Halved):
    """And one more, from the same module."""

    def batch_sum(self, index):
        return 4 * super().batch_sum(index)


class Moved(uk.TokenMeanLoss):
    """The same function of fewer weights than require gradients."""

    @property
    def weights(self):
        return super().weights[:1]


def frozen(model, batches, name):
    model.get_parameter(f"model.layers.0.self_attn.{name}_proj.weight").requires_grad_(False)
    return uk.TokenMeanLoss(model, batches)


def nudged(model, batches):
    with torch.no_grad():
        model.model.norm.weight[0] += 1e-6
    return uk.TokenMeanLoss(model, batches)


def test_whatever_makes_another_loss_makes_another_fingerprint(batches):
    plain = uk.TokenMeanLoss(make_model(), batches)
    prints = [
        loss_fingerprint(loss)
        for loss in (
            plain, Halved(plain.model, batches), Doubled(plain.model, batches), Moved(plain.model, batches),
            nudged(make_model(), batches),
            frozen(make_model(), batches, "q"), frozen(make_model(), batches, "k"),
            uk.TokenMeanLoss(plain.model, batches[:2]), uk.TokenMeanLoss(plain.model, batches[::-1]),
        )
    ]  # fmt: skip
    assert len(set(prints)) == len(prints)


def test_the_same_loss_made_again_has_the_same_fingerprint(batches):
    plain, again = (uk.TokenMeanLoss(make_model(), make_batches()) for _ in range(2))
    plain().backward()
    plain.model.train()
    assert loss_fingerprint(plain) == loss_fingerprint(again)
