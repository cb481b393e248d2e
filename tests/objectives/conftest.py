"""Batches of the toy testbed, a reference model and one that has moved away from it."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from unlearnkit.testbeds.batches import collate
from unlearnkit.testbeds.encoding import encode_rows
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
