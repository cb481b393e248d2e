"""Trap 25: a model in evaluation mode has gradients like any; no objective asks for the mode."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

import unlearnkit as uk
from unlearnkit.losses import sequence_nll
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare


@pytest.mark.parametrize("name", uk.objectives.catalogue().name)
def test_the_gradient_is_the_same_in_both_modes(name, toy):
    tried = prepare(toy, configure(toy, name, "adam", lr=1e-3, steps=1, batch_size=4))
    (pair,) = islice(tried.pairs(), 1)
    weights = tried.objective.trained(tried.model)
    found = []
    for training in (True, False):
        tried.model.train(training)
        found.append(torch.autograd.grad(tried.objective(tried.model, *pair), weights))
        assert tried.model.training is training
    for learning, evaluating in zip(*found, strict=True):
        assert learning.abs().sum() > 0
        assert torch.equal(learning, evaluating)


def test_the_known_mistake_learns_nothing_in_evaluation_mode(toy):
    def of_mode(model, batch):
        """Gradients only while the model is training."""
        with torch.set_grad_enabled(model.training):
            return sequence_nll(model, batch).mean()

    tried = prepare(toy, configure(toy, "graddiff", "adam", lr=1e-3, steps=1, batch_size=4))
    (forget, _), *_ = islice(tried.pairs(), 1)
    assert of_mode(tried.model, forget).requires_grad
    tried.model.eval()
    assert not of_mode(tried.model, forget).requires_grad  # backward would raise, or be skipped unseen
