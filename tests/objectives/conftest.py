"""Batches of the toy testbed, a reference model and one that has moved away from it."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from unlearnkit.testbeds.batches import collate
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.refusals import refused
from unlearnkit.unlearning.pairs import Side
from unlearnkit.unlearning.reference import Reference


@pytest.fixture(scope="package")
def reference(make_llama):
    """The model before unlearning."""
    return make_llama(0)


@pytest.fixture(scope="package")
def moved(reference, noisy):
    """A model some way off the reference."""
    return noisy(reference, 0.05)


@pytest.fixture(scope="package")
def sums(reference):
    """Summed NLL of each row's answer under a model, row by row, from its logits in float64."""

    @torch.no_grad()
    def of(model, rows) -> torch.Tensor:
        totals = []
        for row in rows:
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0].double()
            logp = logits - logits.exp().sum(dim=-1, keepdim=True).log()
            labelled = [(at, label) for at, label in enumerate(row.labels) if label != -100]
            totals.append(-sum(logp[at - 1, label] for at, label in labelled))
        return torch.stack(totals)

    return of


@pytest.fixture(scope="package")
def rows(toy):
    """Six rows to forget and six to keep, of different lengths."""
    return toy.encode(toy.forget)[4:10], toy.encode(toy.retain)[4:10]


@pytest.fixture(scope="package")
def batches(rows, reference, sums):
    """The forget batch, with the reference's sums, and the retain batch."""
    forget, retain = (collate(part, pad_id=0) for part in rows)
    return {**forget, "reference_nll": sums(reference, rows[0]).float()}, retain


@pytest.fixture(scope="package")
def carried():
    """Both batches with what an objective needs of the reference: carried(objective, model, batches)."""

    def carry(objective, model, pair):
        found = (objective.forget_reference(model, pair[0]), objective.retain_reference(model, pair[1]))
        return tuple(
            {**batch, **{key: torch.cat(list(parts)) for key, parts in of.items()}}
            for batch, of in zip(pair, found, strict=True)
        )

    return carry


@pytest.fixture(scope="package")
def double_gpt2(toy):
    """GPT-2s that run in float64 throughout (Llama's norms do not): double_gpt2(seed)."""

    def make(seed: int = 0) -> GPT2LMHeadModel:
        config = GPT2Config(vocab_size=len(toy.tokenizer), n_positions=128, n_embd=8, n_layer=2, n_head=2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return GPT2LMHeadModel(config).eval().double()

    return make


@pytest.fixture(scope="package")
def slopes():
    """The slope of loss(model) along a random way: (by its gradient, by central differences)."""

    def of(loss, model, step: float = 1e-6) -> tuple[float, float]:
        weights = list(model.parameters())
        gradient = torch.autograd.grad(loss(model), weights, allow_unused=True)
        draw = torch.Generator().manual_seed(0)
        along = [torch.randn(w.shape, generator=draw, dtype=torch.float64) for w in weights]
        slope = sum((g * d).sum() for g, d in zip(gradient, along, strict=True) if g is not None)
        values = []
        with torch.no_grad():
            for move in (step, -2 * step):
                for weight, way in zip(weights, along, strict=True):
                    weight.add_(way, alpha=move)
                values.append(loss(model).item())
            for weight, way in zip(weights, along, strict=True):
                weight.add_(way, alpha=step)
        return slope.item(), (values[0] - values[1]) / (2 * step)

    return of


@pytest.fixture(scope="package")
def true_probabilities():
    """Each target's probability under a model, in float64, taken a row at a time: one array a row."""

    @torch.no_grad()
    def of(model, rows):
        found = []
        for row in rows:
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0].double()
            at = [place for place, label in enumerate(row.labels) if label != -100]
            found.append(logits.softmax(-1)[[a - 1 for a in at], [row.labels[a] for a in at]].numpy())
        return found

    return of


@pytest.fixture(scope="package")
def known_rows(reference, rows):
    """The forget rows with what the reference holds most likely for targets: toys know nothing else."""

    @torch.no_grad()
    def known(row: Encoded) -> Encoded:
        said = reference(input_ids=torch.tensor([row.input_ids])).logits[0].argmax(-1).tolist()
        pairs = zip(row.labels, [-100, *said], strict=False)
        return Encoded(row.input_ids, tuple(-100 if label == -100 else token for label, token in pairs))

    return [known(row) for row in rows[0]]


@pytest.fixture(scope="package")
def refusals(toy):
    """A refusal to each of the six prompts."""
    return encode_rows(refused(toy.forget.rows[4:10], 0), toy.tokenizer)


@pytest.fixture(scope="package")
def asked(rows, refusals, reference):
    """Both batches with all that an objective asks for: asked(objective, reference, order=…, pad_id=…)."""
    cpu = torch.device("cpu")

    def batches(objective, before=reference, *, order=range(6), pad_id=0):
        asks = (
            (objective.forget_reference if objective.forget_keys else None, refusals),
            (objective.retain_reference if objective.retain_keys else None, ()),
        )
        return tuple(
            Side(part, pad_id, cpu, refused, ask and Reference(ask, before)).batch(list(order))
            for part, (ask, refused) in zip(rows, asks, strict=True)
        )

    return batches


@pytest.fixture(scope="package")
def double(toy, noisy):
    """A reference and a model some way off, in float64 throughout: GPT-2 (Llama's norms are not)."""
    sizes = {"n_positions": 128, "n_embd": 8, "n_layer": 3, "n_head": 2}
    config = GPT2Config(vocab_size=len(toy.tokenizer), **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reference = GPT2LMHeadModel(config).eval().double()
    return reference, noisy(reference, 0.05)
