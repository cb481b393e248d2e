"""UNDIAL distils from the reference with the true token's logit lowered (2402.10052)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.losses import target_logits
from unlearnkit.objectives import UNDIAL
from unlearnkit.objectives.undial import adjusted
from unlearnkit.testbeds.batches import collate


def in_numpy(reference, model, rows, strength):
    """Each target's cross-entropy, row by row without padding, from float64 logits."""
    found = []
    for row in rows:
        with torch.no_grad():
            before, now = (
                m(input_ids=torch.tensor([row.input_ids])).logits[0].double() for m in (reference, model)
            )
        for at, label in enumerate(row.labels):
            if label != -100:
                teacher, logits = before[at - 1].numpy().copy(), now[at - 1].numpy()
                teacher[label] -= strength
                teacher = np.exp(teacher) / np.exp(teacher).sum()
                found.append(-(teacher * (logits - np.log(np.exp(logits).sum()))).sum())
    return found


@pytest.mark.parametrize("strength", [0.0, 1.0, 10.0])
def test_the_value_is_the_formula_in_numpy(strength, reference, moved, rows, batches, carried):
    objective = UNDIAL(strength=strength)
    forget, _ = carried(objective, reference, batches)
    expected = np.mean(in_numpy(reference, moved, rows[0], strength))
    assert objective.forget_term(moved, forget).item() == pytest.approx(expected, rel=1e-5)


def test_with_strength_0_the_gradient_is_zero_at_the_reference(double_gpt2, batches, carried):
    model = double_gpt2()
    sizes = []
    for strength in (0.0, 1.0):
        objective = UNDIAL(strength=strength)
        loss = objective.forget_term(model, carried(objective, model, batches)[0])
        found = torch.autograd.grad(loss, list(model.parameters()))
        sizes.append(max(part.abs().max().item() for part in found))
    assert sizes[0] < 1e-14 < 1e-6 < sizes[1]


def test_at_the_reference_the_value_is_a_closed_form(reference, rows, batches, carried, true_probabilities):
    # KL(q || p) = -s q_y - log(1 - p_y + p_y e^-s), and the loss is larger by the entropy of q
    strength = 2.0
    objective = UNDIAL(strength=strength)
    forget, _ = carried(objective, reference, batches)
    p = np.concatenate(true_probabilities(reference, rows[0]))
    scale = 1 - p + p * math.exp(-strength)
    kl = (-strength * p * math.exp(-strength) / scale - np.log(scale)).mean()
    labels = forget["labels"][:, 1:]
    teacher = adjusted(forget["reference_log_probs"].double(), labels[labels != -100], strength)
    entropy = -teacher.xlogy(teacher).sum(-1).mean().item()
    assert objective.forget_term(reference, forget).item() == pytest.approx(kl + entropy, rel=1e-5)


def test_it_is_least_where_the_model_is_the_teacher():
    log_probs = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    teacher = adjusted(log_probs, torch.tensor([0]), 1.5)[0]
    odds = teacher[0] / teacher[1]
    assert odds.item() == pytest.approx(3.5 * math.exp(-1.5))
    assert (teacher[1] / teacher[2]).item() == pytest.approx(2.0)
    logits = (teacher.log() + 3.0).requires_grad_()
    torch.nn.functional.cross_entropy(logits[None], teacher[None]).backward()
    assert logits.grad.abs().max() < 1e-12


def test_the_gradient_is_the_finite_difference_in_double(double_gpt2, slopes, batches, carried):
    objective = UNDIAL(strength=3.0)
    pair = carried(objective, double_gpt2(1), batches)
    assert pair[0]["reference_log_probs"].dtype == torch.float64
    slope, difference = slopes(lambda model: objective(model, *pair), double_gpt2())
    assert slope == pytest.approx(difference, rel=1e-6)


def test_known_wrong_teachers_give_other_values(reference, moved, known_rows):
    right = np.mean(in_numpy(reference, moved, known_rows, 3.0))
    batch = collate(known_rows, pad_id=0)
    now, before = (target_logits(model, batch).detach() for model in (moved, reference))
    true = batch["labels"][:, 1:][batch["labels"][:, 1:] != -100]

    def shifted(logits, by):
        return logits.scatter_add(1, true[:, None], torch.full_like(logits[:, :1], by))

    wrong = {
        "raised": F.cross_entropy(now, shifted(before, 3.0).softmax(-1)),
        "the model as its own teacher": F.cross_entropy(now, shifted(now, -3.0).softmax(-1)),
        "the other direction": F.cross_entropy(shifted(before, -3.0), now.softmax(-1)),
        "nothing lowered": F.cross_entropy(now, before.softmax(-1)),
        "probabilities lowered": F.cross_entropy(now, shifted(before.softmax(-1), -3.0).softmax(-1)),
        "the student lowered": F.cross_entropy(shifted(now, -3.0), before.softmax(-1)),
    }
    same = F.cross_entropy(now, shifted(before, -3.0).softmax(-1)).item()
    assert same == pytest.approx(right, rel=1e-5)
    for name, value in wrong.items():
        assert abs(value.item() - right) > 3e-4 * right, name


def test_a_missing_reference_raises_and_is_not_guessed(reference, batches):
    assert uk.objectives.create("undial").needs_reference is True
    with pytest.raises(MissingReference, match=r"UNDIAL needs the reference model.*reference_log_probs"):
        UNDIAL()(reference, *batches)


@pytest.mark.parametrize("strength", [-0.1, math.inf, "10"])
def test_the_strength_is_not_below_zero(strength):
    with pytest.raises(BadInput, match="strength must be a finite number, 0 or above"):
        uk.objectives.create("undial", strength=strength)
