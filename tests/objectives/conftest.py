"""Batches of the toy testbed, a reference model and one that has moved away from it."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.testbeds.batches import collate


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
