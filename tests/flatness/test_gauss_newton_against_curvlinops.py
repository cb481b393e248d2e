"""Our Gauss-Newton products are curvlinops', on one padded batch; over several it weighs by sequences.

Runs where curvlinops is installed, which the test command does not do: it brings torchvision, and one that is
built for another torch than the one installed keeps transformers from being imported at all.
"""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.flatness import gauss_newton_vector_product, hessian_vector_product

from .small import apart, make_batches, make_llama, trained, vector

SIZE = 920

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # in what curvlinops imports


@pytest.fixture(scope="module")
def curvlinops():
    return pytest.importorskip("curvlinops", reason='needs curvlinops: pip install -e ".[curvature]"')


class Logits(torch.nn.Module):
    """What curvlinops asks for: a mapping in, (targets, vocabulary) out."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch):
        output = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        return output.logits[:, :-1].flatten(0, 1)


def theirs(curvlinops, model, batches):
    data = [(batch, batch["labels"][:, 1:].flatten()) for batch in batches]
    return curvlinops.GGNLinearOperator(
        Logits(model), torch.nn.CrossEntropyLoss(ignore_index=-100), list(model.parameters()), data,
        batch_size_fn=lambda batch: len(batch["labels"]), check_deterministic=False,
    )  # fmt: skip


@pytest.mark.parametrize("lengths", [((7, 4, 9),), ((12, 12),)], ids=["padded", "even"])
def test_products_over_a_batch_are_the_same(curvlinops, lengths):
    batches = make_batches(lengths)
    model = trained(make_llama(), batches)
    operator, loss = theirs(curvlinops, model, batches), uk.TokenMeanLoss(model, batches)
    for seed in (0, 1):
        product = operator @ vector(SIZE, seed)
        assert apart(gauss_newton_vector_product(loss, vector(SIZE, seed)), product) < 2e-6
    assert apart(hessian_vector_product(loss, vector(SIZE, seed)), product) > 0.02  # another matrix


def test_over_ragged_batches_theirs_weighs_by_sequences_and_ours_by_targets(curvlinops, small, batches):
    product = theirs(curvlinops, small, batches) @ vector(SIZE)
    ours = gauss_newton_vector_product(uk.TokenMeanLoss(small, batches), vector(SIZE))
    rows = [len(batch["labels"]) for batch in batches]
    by_sequence = sum(
        n / sum(rows) * gauss_newton_vector_product(uk.TokenMeanLoss(small, [batch]), vector(SIZE))
        for n, batch in zip(rows, batches, strict=True)
    )
    assert apart(by_sequence, product) < 2e-6
    assert apart(ours, product) > 0.01
