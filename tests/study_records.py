"""A study's record, as step-size.json and depth.json have it, with few numbers."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def study_of():
    """Make one: study_of({"fold": 2, "lr": 1e-3}, …); never_learned at 4 nats, the attack relearn-100."""

    def make(*runs, places=()):
        rows = [_study_row(**run) for run in runs]
        touched = dict.fromkeys([*((row["task"], row["fold"]) for row in rows), *places])
        return {"rows": rows, "controls": [c for place in touched for c in _study_controls(*place)]}

    return make


def _study_row(
    *, task="topic", fold=1, seed=0, optimizer="adam", lr=1e-4, aim=1.0, depth=1.0, retain=0.9, heldout=0.5,
    shown=0.6, outcome="recovered",
):  # fmt: skip
    from unlearnkit.attacks import parse_attack  # not above: lower floors do without what attacks need

    relearning = parse_attack("relearn-100").to_dict()
    return {
        "task": task, "fold": fold, "seed": seed, "optimizer": optimizer, "lr": lr, "status": "forgotten",
        "steps": 40, "depth": aim, "scores": {"nll_forget": 4.0 * depth, "knowmem_retain": retain},
        "cost": {"distance_l2": 3.0},
        "attacks": [
            {"name": "quantize", "params": {"bits": 4, "scheme": "rtn"}},
            {**relearning, "recovery": {"shown": shown, "heldout": heldout}, "outcome": outcome},
        ],
    }  # fmt: skip


def _study_controls(task, fold):
    levels = {"target": (0.1, 1.0), "never_learned": (4.0, 0.98)}
    return [
        {"task": task, "fold": fold, "control": name, "scores": {"nll_forget": nll, "knowmem_retain": kept}}
        for name, (nll, kept) in levels.items()
    ]
