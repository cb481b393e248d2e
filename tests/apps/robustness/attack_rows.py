"""Made-up rows of store.attacks(), for what is computed from them."""

from __future__ import annotations

import pandas as pd

from unlearnkit.apps.robustness.model import Robustness


def attack(run="a", *, optimizer="adam", fold=1, control=None, steps=100, **more):
    """A row of store.attacks()."""
    row = {
        "run_id": run, "control": control, "task": "entities", "fold": fold,
        "objective": None if control else "npo", "optimizer": None if control else optimizer,
        "grade": "first order", "lr": 1e-3, "seed": 0, "status": "forgotten",
        "nll_forget_before": 4.0, "retain_before": 0.9,
        "attack": f"relearn-{steps}", "family": "relearn", "steps": float(steps),
        "knowmem_forget_shown": 0.3, "knowmem_forget_heldout": 0.2, "knowmem_retain": 0.95,
        "recovery_shown": 0.1, "recovery_heldout": 0.2, "outcome": "recovered",
    }  # fmt: skip
    return row | more


def model_of(*rows, controls=True):
    beside = [
        attack(f"{name}-{fold}", control=name, fold=fold, retain_before=1.0)
        for fold in sorted({row["fold"] for row in rows})
        for name in ("never_learned", "target")
    ]
    return Robustness(pd.DataFrame([*rows, *(beside if controls else [])]))


def shown_of(model, **changes):
    return model.show(model.options.changed(model.options.first(), **changes))
