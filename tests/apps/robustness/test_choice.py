"""What there is to choose from in the records, and what is chosen first."""

from __future__ import annotations

import pandas as pd
import pytest

from unlearnkit.apps.robustness.choice import Options
from unlearnkit.apps.robustness.words import robustness_sentence
from unlearnkit.errors import BadInput, UnknownName

from .attack_rows import attack, model_of, shown_of


def test_the_choice_follows_what_there_is():
    options = Options(pd.DataFrame([
        attack("a"), attack("b", fold=2), attack("c", optimizer="sgd"),
        attack("d", task="topic", optimizer="sgd", fold=4, steps=25),
    ]))  # fmt: skip
    first = options.first()
    assert (first.task, first.steps, first.optimizers, first.folds) == (
        "entities",
        100,
        ("adam", "sgd"),
        (1, 2),
    )
    topic = options.changed(first, task="topic")
    assert (topic.steps, topic.optimizers, topic.folds) == (25, ("sgd",), (4,))
    back = options.changed(topic, task="entities")
    assert back.optimizers == ("adam", "sgd")  # who saw all goes on seeing all
    some = options.changed(first, optimizers=("sgd",))
    assert options.changed(some, folds=(1,)).optimizers == ("sgd",)


def test_the_first_task_is_the_one_of_which_most_can_be_said():
    options = Options(pd.DataFrame([
        attack("a", outcome="not applicable"), attack("b", fold=2, outcome="destroyed"),
        attack("c", task="topic", outcome="survived"), attack("d", task="topic", objective="ga"),
        attack("e", task="topic", objective="ga", outcome="recovered"),
        attack("f", task="zoo", outcome="survived"),
    ]))  # fmt: skip
    assert options.tasks() == ["topic", "zoo", "entities"]
    assert (options.first().task, options.first().objective) == ("topic", "ga")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "entitys"}, 'task: "entitys" is not known; did you mean "entities"'),
        ({"steps": 50}, "steps: 50 is not known. Known: 100"),
        ({"optimizers": ("adam", "adm")}, 'optimizers: "adm" is not known; did you mean "adam"'),
        ({"folds": (9,)}, "folds: 9 is not known"),
        ({"mathcing": "depth"}, 'choose: "mathcing" is not known; did you mean "matching"'),
    ],
)
def test_what_there_is_not_is_refused(changes, message):
    options = model_of(attack()).options
    with pytest.raises(UnknownName, match="^" + message.replace("(", r"\(")):
        options.changed(options.first(), **changes)


def test_no_run_under_attack_is_refused():
    with pytest.raises(BadInput, match="no run under attack"):
        Options(pd.DataFrame([attack(control="target")]))
    with pytest.raises(BadInput, match="no column steps"):
        Options(pd.DataFrame([attack()]).drop(columns="steps"))


def test_an_attack_without_power_gives_no_verdict():
    rows = [attack(f"run-{n}", fold=n, recovery_heldout=0.0, outcome="no power") for n in (1, 2)]
    told = robustness_sentence(shown_of(model_of(*rows)))
    assert "which proves nothing: this attack was not seen to have power" in told
    assert "below the margin" not in told
