"""The smoothing view's controls: each with a name, a tooltip and a way by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as W  # noqa: N812

from unlearnkit.apps.parts.picture_button import PictureButton
from unlearnkit.apps.parts.step_slider import StepSlider
from unlearnkit.apps.smoothing.choice import FIGURES, Choice, Options

WIDE = {"description_width": "initial"}
SLIDER = {"flex": "1 1 360px", "width": "auto", "max_width": "800px"}
NONE = "none"


def _menu(name: str, tooltip: str) -> W.Dropdown:
    return W.Dropdown(description=name, tooltip=tooltip, style=WIDE, layout={"width": "max-content"})


def _box(name: str, tooltip: str, *, on: bool = False) -> W.Checkbox:
    return W.Checkbox(value=on, description=name, tooltip=tooltip, indent=False, layout={"width": "auto"})


def _button(name: str, tooltip: str) -> W.Button:
    return W.Button(description=name, tooltip=tooltip, layout={"width": "auto"})


class SmoothingControls:
    """Controls that hold a `Choice`.

    Attributes
    ----------
    choice : Choice
        What they stand at.
    fields : dict of str to (widget, trait)
        The control of each field of a choice.
    smaller, larger, dark, picture
        The others: a step of sigma down and up, the theme, and the picture.
    """

    def __init__(self, options: Options, choice: Choice, *, dark: bool) -> None:
        self.options, self.choice, self.quiet = options, choice, False
        sigma = StepSlider(
            label="Sigma", hint="Size of the noise, a weight; as many places as were computed", layout=SLIDER,
            options=[f"{value:.3g}" for value in options.sigmas],
        )  # fmt: skip
        figures = W.SelectMultiple(
            description="Figures", tooltip="What to draw; several with Shift or Ctrl", style=WIDE,
            rows=len(FIGURES), layout={"width": "240px"},
        )  # fmt: skip
        self.fields: dict[str, tuple[Any, str]] = {
            "model": (_menu("Model", "Whose weights are under noise: the optimizer that unlearned"), "value"),
            "sigma": (sigma, "index"),
            "attack": (_menu("Attack", "Along which attack to hold the certificate"), "value"),
            "share": (_menu("Share", "Of what, along the attack"), "value"),
            "simultaneous": (_box("all facts at once", "Certify all facts together (Bonferroni)"), "value"),
            "figures": (figures, "value"),
        }
        self.smaller = _button("Smaller sigma", "The next smaller sigma that was computed")
        self.larger = _button("Larger sigma", "The next larger sigma that was computed")
        self.dark = _box("dark figures", "For a dark page", on=dark)
        self.picture = PictureButton()
        self.box = self._arranged()
        self.write(choice)

    def _arranged(self) -> W.VBox:
        wrap = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 18px", "width": "100%"}
        fields = {name: control for name, (control, _) in self.fields.items()}
        sigma = [fields["model"], fields["sigma"], self.smaller, self.larger]
        chosen = [fields["attack"], fields["share"], fields["figures"], fields["simultaneous"], self.dark]
        return W.VBox([W.HBox(sigma, layout=wrap), W.HBox(chosen, layout=wrap)], layout={"width": "100%"})

    def read(self, name: str) -> Any:
        """What the control of a field stands at, as the field has it."""
        control, trait = self.fields[name]
        value = getattr(control, trait)
        return self.options.sigmas[value] if trait == "index" else value

    def step(self, by: int) -> float:
        """The sigma so many places up the slider, within its ends."""
        sigmas = self.options.sigmas
        return sigmas[min(max(sigmas.index(self.choice.sigma) + by, 0), len(sigmas) - 1)]

    def write(self, choice: Choice) -> None:
        """Move every control to a choice, and offer what there is beside it."""
        self.choice = choice
        offered = self.options.of(choice)
        place = offered["sigma"].index(choice.sigma)
        with self.quietly():
            for name, (control, trait) in self.fields.items():
                if trait == "index":
                    control.index, control.disabled = place, len(offered["sigma"]) < 2
                    continue
                _offer(control, offered.get(name))
                value = getattr(choice, name)
                control.value = NONE if value is None else value
            self.fields["simultaneous"][0].disabled = not self.options.views[choice.model].certified
            self.smaller.disabled = place == 0
            self.larger.disabled = place == len(offered["sigma"]) - 1

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """While it lasts, the view moves its controls itself, and none of them speaks."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before


def _offer(control: Any, offered: list[Any] | None) -> None:
    """What a list can be moved to; one without anything says so."""
    if offered is None:
        return
    if list(control.options) != (offered or [NONE]):
        control.options = offered or [NONE]
    if isinstance(control, W.Dropdown):
        control.disabled = len(offered) < 2
