"""The explorer's controls: each with a name, a tooltip and a way by keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

import ipywidgets as W  # noqa: N812

from unlearnkit.apps.parts.picture_button import PictureButton
from unlearnkit.apps.parts.step_slider import StepSlider
from unlearnkit.apps.robustness.choice import MATCHING, Choice, Options

WIDE = {"description_width": "initial"}
MATCHINGS = {
    "none": "none",
    "depth": "depth within 25 % of the control's",
    "retention": "retention that all reach",
}
NO_BUDGET = "no budget"


def _dropdown(name: str, tooltip: str, **more: Any) -> W.Dropdown:
    return W.Dropdown(description=name, tooltip=tooltip, style=WIDE, layout={"width": "max-content"}, **more)


def _several(name: str, tooltip: str, rows: int) -> W.SelectMultiple:
    layout = {"width": "240px"}
    return W.SelectMultiple(description=name, tooltip=tooltip, style=WIDE, rows=rows, layout=layout)


class RobustnessControls:
    """Controls that hold a `Choice`.

    Attributes
    ----------
    choice : Choice
        What they stand at.
    fields : dict of str to (widget, trait)
        The control of each field of a choice.
    """

    def __init__(self, options: Options, choice: Choice, *, dark: bool) -> None:
        self.options = options
        self.choice = choice
        self._here = local()
        task = _dropdown("Task", "What had to be forgotten")
        objective = _dropdown("Objective", "What “forget” meant to the optimizer")
        attack = _dropdown("Attack", "What was done to the weights afterwards")
        facts = _dropdown("Facts", "Those that the attack never showed to the model, or those it did")
        pairs = [(MATCHINGS[name], name) for name in MATCHING]
        matching = _dropdown("Matching", "Which runs are held against each other", options=pairs)
        self.budget = StepSlider(label="Budget", hint="How long the attacker trains")
        optimizers = _several("Optimizers", "Several: with Shift or Ctrl", rows=5)
        folds = _several("Folds", "Several: with Shift or Ctrl", rows=5)
        judged = W.Checkbox(
            description="only runs that survived or recovered", indent=False, tooltip="Leave out the others"
        )
        self.fields = {
            "task": (task, "value"), "objective": (objective, "value"), "attack": (attack, "value"),
            "steps": (self.budget, "index"), "optimizers": (optimizers, "value"), "folds": (folds, "value"),
            "matching": (matching, "value"), "facts": (facts, "value"), "judged_only": (judged, "value"),
        }  # fmt: skip
        self.dark = W.Checkbox(value=dark, description="dark figure", indent=False, tooltip="For a dark page")
        self.run = W.Dropdown(
            description="Run", tooltip="Whose answers are shown below", style=WIDE, layout={"width": "100%"}
        )
        self.csv = W.Button(description="Save table (CSV)", tooltip="Write the runs shown to robustness.csv")
        self.picture = PictureButton()
        self.again = W.Button(description="Read records again", tooltip="For runs that were added since")
        wrap = {"flex_flow": "row wrap"}
        self.box = W.VBox([
            W.HBox([task, objective, attack, facts, matching], layout=wrap),
            self.budget,
            W.HBox([optimizers, folds, W.VBox([judged, self.dark])], layout=wrap),
        ])  # fmt: skip
        self.write(choice)

    @property
    def quiet(self) -> bool:
        """True while the view itself moves them, in the thread that does: a move in another is heard."""
        return getattr(self._here, "quiet", False)

    def read(self, name: str) -> Any:
        """What the control of a field stands at, as the field has it."""
        control, trait = self.fields[name]
        value = getattr(control, trait)
        return self._budgets()[value] if name == "steps" else value

    def write(self, choice: Choice) -> None:
        """Move every control to a choice, and offer what there is beside it."""
        self.choice = choice
        options = self.options.of(choice)
        with self._quietly():
            for name, (control, trait) in self.fields.items():
                value = getattr(choice, name)
                if name == "steps":
                    self._write_budget(options["steps"], value)
                    continue
                if name not in ("matching", "judged_only") and list(control.options) != options[name]:
                    control.options = options[name]
                setattr(control, trait, value)

    def list_runs(self, named: Sequence[tuple[str, str]]) -> None:
        """Offer these runs, and keep the one that was picked if it is among them."""
        picked = self.run.value
        ids = [run_id for _, run_id in named]
        with self._quietly():
            self.run.options = list(named)
            self.run.value = picked if picked in ids else next(iter(ids), None)

    def _write_budget(self, budgets: Sequence[int | None], steps: int | None) -> None:
        words = [NO_BUDGET if budget is None else f"{budget} steps" for budget in budgets]
        with self.budget.hold_sync():
            self.budget.options = words
            self.budget.index = list(budgets).index(steps)
            self.budget.disabled = len(budgets) < 2

    def _budgets(self) -> list[int | None]:
        choice = self.choice
        return self.options.budgets(choice.task, choice.objective, choice.attack)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._here.quiet = self.quiet, True
        try:
            yield
        finally:
            self._here.quiet = before
