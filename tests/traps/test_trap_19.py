"""Trap 19: which rows meet is drawn from the run's own streams, not from one that others draw from."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest
import torch

from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare


def ids(lab, *, seed=0, disturb=lambda: None, objective="graddiff", **options):
    """The rows of twelve pairs of batches, one list a side."""
    config = configure(
        lab, objective, "adam", lr=1e-3, steps=12, batch_size=4, seed=seed, objective_options=options
    )
    sides = [], []
    for pair in islice(prepare(lab, config).pairs(), 12):
        disturb()
        for side, batch in zip(sides, pair, strict=True):
            side.append(batch["input_ids"].tolist())
    return sides


def draw_from_all() -> None:
    """What a data loader's worker, a dropout layer or a user may do meanwhile."""
    random.random()
    np.random.rand(3)
    torch.rand(5)


@pytest.mark.parametrize("start", [0, 123])
def test_whoever_draws_meanwhile_changes_no_order(start, toy):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(start)
        assert ids(toy, disturb=draw_from_all) == ids(toy)


def test_the_known_mistake_pairs_by_the_global_generator(toy):
    def paired(disturb):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found = []
            for _ in range(8):
                disturb()
                found.append(torch.randint(len(toy.retain), ()).item())
            return found

    assert paired(draw_from_all) != paired(lambda: None)


@pytest.mark.parametrize("objective", ["npo", "idk_dpo", "task_vector"])
def test_what_an_objective_asks_for_changes_no_order(objective, toy):
    # refusals have a stream of their own, references draw nothing
    assert ids(toy, objective=objective, retain="kl") == ids(toy)


def test_the_seed_moves_both_sides_and_neither_side_the_other(toy):
    (forget, retain), (other_forget, other_retain) = ids(toy), ids(toy, seed=1)
    assert forget != other_forget
    assert retain != other_retain
