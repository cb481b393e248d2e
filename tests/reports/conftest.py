"""Records to report: the comparison that ships, and small made-up ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from unlearnkit.attacks import parse_attack
from unlearnkit.records import RunStore
from unlearnkit.reports.collected import collect, problems_of
from unlearnkit.smoothing import EventCertificate, ModelCertificate, Retention

HOSTILE = (
    '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">\'"><b>bold</b>&amp;'
    "<a href='javascript:window.pwned=1'>x</a>{{ 7*7 }}{% raw %}%{x}"
)


@pytest.fixture(scope="session")
def shipped():
    """A comparison of three first-order optimizers on the entity task, fold 1."""
    return json.loads((Path(__file__).parents[1] / "comparison.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def shipped_problems(shipped):
    """The same, collected from a store."""
    with RunStore.in_memory([shipped]) as store:
        return collect(store)


@pytest.fixture(scope="session")
def run_row():
    """Make a run: run_row("adam", fold=2, recoveries={"relearn-100": (0.3, 0.1)}, …)."""
    return _run_row


@pytest.fixture(scope="session")
def control_rows():
    """Make the controls of a fold under given attacks: target, never_learned and one plant."""
    return _control_rows


@pytest.fixture(scope="session")
def problem_of(run_row, control_rows):
    """Make the one problem of some runs, with controls on each of their folds."""

    def make(*runs, attacks=("relearn-100",)):
        folds = sorted({run["fold"] for run in runs})
        (problem,) = problems_of(runs, [row for fold in folds for row in control_rows(fold, attacks)])
        return problem

    return make


@pytest.fixture(scope="session")
def hostile():
    """The text that must stay text."""
    return HOSTILE


@pytest.fixture(scope="session", params=["a task of the lab", "a task of nobody"])
def hostile_problems(request, shipped):
    """That comparison with hostile text wherever a record has text; the lab's task has a frontier, too."""
    content = _hostile(shipped, with_task=request.param == "a task of nobody")
    return problems_of(content["rows"], content["controls"])


def _hostile(shipped, *, with_task):
    content = copy.deepcopy(shipped)
    content["versions"]["torch"] = HOSTILE
    names = ["run_id", "optimizer", "grade"]
    if with_task:
        names.append("objective")
        for row in (*content["rows"], *content["controls"]):
            row["task"] = HOSTILE
    for row in content["rows"]:
        row |= {name: HOSTILE + row[name] for name in names}
        row |= {"tags": [HOSTILE], "notes": HOSTILE, "device": HOSTILE, "time": HOSTILE, "testbed": "atlas"}
        row |= {"config": {HOSTILE: HOSTILE}, "versions": content["versions"]}
        for attack in row["attacks"]:
            attack["name"] = HOSTILE + attack["name"]
            attack["outcome"] = HOSTILE
        row["status"] = HOSTILE
    for row in content["controls"]:
        row["run_id"] = HOSTILE + row["run_id"]
        for attack in row["attacks"]:
            attack["name"] = HOSTILE + attack["name"]
    return content


def _run_row(
    optimizer="adam", *, grade="first order", fold=1, seed=0, status="forgotten", lr=1e-4, depth=1.0,
    cost=100.0, recoveries=None, outcome="recovered", rule=None, **more,
):  # fmt: skip
    back = {"relearn-100": (0.3, 0.2)} if recoveries is None else recoveries
    return {
        "run_id": f"{optimizer}-{lr:g}-{fold}-{seed}-{status}",
        "testbed": "atlas", "task": "toy", "fold": fold, "objective": "npo", "optimizer": optimizer,
        "grade": grade, "lr": lr, "steps": 40, "batch_size": 16, "seed": seed,
        "status": status, "scores": _scores(4.0 * depth, 0.0, 0.0),
        "cost": {"forward_equivalents": cost, "seconds": 2.0, "distance_l2": 1.0},
        "attacks": [_attack(label, *halves, outcome, rule) for label, halves in back.items()],
        **more,
    }  # fmt: skip


def _attack(label, shown, heldout, outcome, rule):
    recovery = {"shown": shown, "heldout": heldout}
    scores = _scores(4.0, shown, heldout)
    judged = {"recovery": recovery, "outcome": outcome} | ({} if rule is None else {"rule": rule})
    return {**parse_attack(label).to_dict(), "scores": scores, **judged}


def _control_rows(fold, attacks, *, revealed=0.9, seed=0, nll=4.0):
    hidden = (4.0, 0.0, revealed)
    levels = {"target": (0.1, 1.0, 1.0), "never_learned": (nll, 0.0, 0.0), "plant-hidden": hidden}
    return [_control_row(name, fold, attacks, *level) | {"seed": seed} for name, level in levels.items()]


def _control_row(name, fold, attacks, nll, before, after):
    met = [{**parse_attack(label).to_dict(), "scores": _scores(nll, after, after)} for label in attacks]
    return {
        "run_id": f"{name}-{fold}", "control": name,
        "testbed": "atlas", "task": "toy", "fold": fold, "seed": 0,
        "scores": _scores(nll, before, before), "attacks": met,
    }  # fmt: skip


def _scores(nll, shown, heldout):
    return {
        "knowmem_forget_shown": shown, "knowmem_forget_heldout": heldout, "knowmem_retain": 0.95,
        "verbmem_forget": 0.2, "verbmem_retain": 0.9, "nll_forget": nll, "nll_retain": 0.1,
    }  # fmt: skip


@pytest.fixture(scope="session")
def flat_study_of():
    """Make a record of flatness: flat_study_of({"name": "sgd", "trace": (-30, 4), "heldout": 0.4}, …).

    The traces are of what must be forgotten and kept; the other measures are shares of them. never_learned of
    each fold stands at 4 nats a token, at a distance of 100, and knows 0.1 after relearning.
    """

    def make(*runs):
        rows = [_flat_row(**run) for run in runs]
        places = dict.fromkeys((row["task"], row["fold"]) for row in rows)
        known = {"name": "never_learned", "heldout": 0.0, "distance": 100.0, "trace": (8.0, 2.0)}
        controls = [_flat_row(**known, task=task, fold=fold) for task, fold in places]
        controls = [row | {"control": row.pop("optimizer")} for row in controls]
        return {"attack": "relearn-100", "rows": rows, "controls": controls}

    return make


def _flat_row(
    *, name="adam", task="topic", fold=1, trace=(-40.0, 4.0), heldout=0.5, distance=4.0, depth=1.0,
    status="forgotten", outcome="recovered",
):  # fmt: skip
    return {
        "task": task, "fold": fold, "optimizer": name, "status": status, "cost": {"distance_l2": distance},
        "scores": {"nll_forget": 4.0 * depth},
        "attacks": [{"scores": {"knowmem_forget_heldout": 0.1 + heldout}, "outcome": outcome}],
        "measures": {loss: _flat_measures(t) for loss, t in zip(("forget", "retain"), trace, strict=True)},
    }  # fmt: skip


def _flat_measures(trace):
    way = {"barrier": abs(trace) / 20, "control_barrier": abs(trace) / 80}
    found = {"value": trace / 10, "interval": (trace / 10 - 0.1, trace / 10 + 0.1)}
    return {
        "loss": 2.5, "trace": {"estimate": trace, "interval": (trace - 2, trace + 2)},
        "top": {"values": [trace / 5 / k for k in range(1, 6)], "residuals": [0.01 * k for k in range(1, 6)]},
        "lowest": {"values": [-abs(trace) / 5], "residuals": [0.02]},
        "average": found, "adaptive": found, "sam": {"value": 0.3}, "worst": {"value": 0.4},
        "to_target": way, "to_adam": way,
    }  # fmt: skip


@pytest.fixture(scope="session")
def smooth_study_of():
    """Make a record of smoothing: smooth_study_of({"name": "sgd", "forgotten": (300, 290), "kept": 58}, …).

    Two forget facts, 300 samples, sigma 0.03 on all weights and 0.8 in a subspace: the same counts. The
    target of each fold forgets neither fact, never_learned both.
    """

    def make(*runs):
        rows = [_smooth_row(**run) for run in runs]
        known = {"target": (0, 150), "never_learned": (300, 300)}
        controls = [
            _smooth_row(name=name, fold=fold, forgotten=counts)
            for fold in dict.fromkeys(row["fold"] for row in rows)
            for name, counts in known.items()
        ]
        controls = [row | {"control": row.pop("optimizer")} for row in controls]
        return {"rows": rows, "controls": controls}

    return make


def _smooth_row(
    *, name="adam", fold=1, forgotten=(300, 280), kept=57, status="forgotten", rounding=19.0, relearning=0.9,
    inside=0.09, holds=True, content_from=0.01,
):  # fmt: skip
    reaches = [({"distance_l2": length}, inside) for length in (rounding, relearning)]
    noises = (("all weights", 1000, 0.03), ("attack subspace", 32, 0.8))
    cosines = {"cosine_plain": 0.01, "cosine_smoothed": 0.02, "cosine_expected": 0.03}
    gap = {"gap": {"estimate": 0.5, "stderr": 0.1}, "predicted": 0.4}
    point = {"sigma": 0.01, "relative": 0.2, "gradient_shift": 0.25} | gap | cosines
    sweep = {"value": 2.0, "trace": {"estimate": 8e3}, "quadratic_to": 0.001, "content_from": content_from}
    certificates = [
        {
            "where": where, "dimensions": dimensions, "along": {"holds": holds} if dimensions == 32 else None,
            "model": _certified(forgotten, kept, sigma).to_dict(),
        }
        for where, dimensions, sigma in noises
    ]  # fmt: skip
    return {
        "task": "topic", "fold": fold, "optimizer": name, "status": status, "cost": {"distance_l2": 4.0},
        "attacks": [{"displacement": moved, "inside": part} for moved, part in reaches],
        "measures": {"sweep": sweep | {"points": [point]}, "certificates": certificates},
    }  # fmt: skip


def _certified(forgotten, kept, sigma):
    """Of 60 kept facts `kept` are answered in every sample; the floor is 48."""
    split = EventCertificate(min(forgotten), 300, sigma, 0.001, works=kept >= 48)
    return ModelCertificate(
        facts=("a", "b"), forgotten=forgotten, samples=300, sigma=sigma, alpha=0.001, split=split,
        retain=Retention(kept / 60, (kept / 60, kept / 60), 1.0, 0.8, 60, 300, 0.001), weights="w",
        known=(False, False),
    )  # fmt: skip
