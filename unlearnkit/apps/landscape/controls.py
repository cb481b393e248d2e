"""The landscape's controls: each with a name, a tooltip and a way by keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as W  # noqa: N812

from unlearnkit.apps.landscape.cameras import FIRST, TILTS, TURNS
from unlearnkit.apps.landscape.choice import Choice, Options, walk
from unlearnkit.apps.parts.picture_button import PictureButton
from unlearnkit.apps.parts.step_slider import StepSlider

WIDE = {"description_width": "initial"}
SLIDER = {"flex": "1 1 300px", "width": "auto", "max_width": "600px"}


def _several(name: str, tooltip: str, rows: int) -> W.SelectMultiple:
    return W.SelectMultiple(
        description=name, tooltip=tooltip, style=WIDE, rows=max(rows, 2), layout={"width": "240px"}
    )


def _slider(label: str, hint: str, **more: Any) -> StepSlider:
    return StepSlider(label=label, hint=hint, layout=SLIDER, **more)


def _box(name: str, tooltip: str, *, on: bool = False) -> W.Checkbox:
    return W.Checkbox(value=on, description=name, tooltip=tooltip, indent=False, layout={"width": "auto"})


class LandscapeControls:
    """Controls that hold a `Choice`, and where the camera stands.

    Attributes
    ----------
    choice : Choice
        What they stand at.
    fields : dict of str to (widget, trait)
        The control of each field of a choice.
    turn, tilt, dark, picture
        The others.
    """

    def __init__(self, options: Options, choice: Choice, *, dark: bool) -> None:
        self.options, self.choice, self.quiet = options, choice, False
        surface = options.surfaces[choice.directions]
        directions = W.Dropdown(
            description="Directions", tooltip="Along what the weights were moved", style=WIDE,
            layout={"width": "max-content"},
        )  # fmt: skip
        losses = _several(
            "Losses", "Side by side, three at most; several with Shift or Ctrl", len(surface.values)
        )
        paths = _several(
            "Paths", "Trajectories to draw; several with Shift or Ctrl", len(surface.trajectories)
        )
        self.fields: dict[str, tuple[Any, str]] = {
            "directions": (directions, "value"),
            "losses": (losses, "value"),
            "radius": (_slider("Radius", "How far around the model to look"), "index"),
            "ceiling": (_slider("Ceiling", "What lies higher is cut off in the drawing"), "index"),
            "height": (_slider("Slice at", "A line at this height on every loss"), "index"),
            "paths": (paths, "value"),
            "step": (_slider("Walk", "Where on the paths to stand"), "index"),
            "flat": (_box("flat maps", "Contour maps instead of landscapes"), "value"),
        }
        self.turn = _slider("Turn", "Where the camera stands", options=[f"{turn}°" for turn in TURNS])
        self.tilt = _slider("Tilt", "How high the camera stands", options=[f"{tilt}°" for tilt in TILTS])
        self.dark = _box("dark figures", "For a dark page", on=dark)
        self.picture = PictureButton()
        self.box = self._arranged()
        self.stand_at(*FIRST)
        self.write(choice)

    def _arranged(self) -> W.VBox:
        fields = {name: control for name, (control, _) in self.fields.items()}
        wrap = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 18px", "width": "100%"}
        chosen = [fields["directions"], fields["losses"], fields["paths"], fields["flat"], self.dark]
        sliders = [
            fields["radius"],
            fields["ceiling"],
            fields["height"],
            fields["step"],
            self.turn,
            self.tilt,
        ]
        return W.VBox([W.HBox(chosen, layout=wrap), W.HBox(sliders, layout=wrap)], layout={"width": "100%"})

    def read(self, name: str) -> Any:
        """What the control of a field stands at, as the field has it."""
        control, trait = self.fields[name]
        value = getattr(control, trait)
        return self.options.of(self.choice)[name][value] if trait == "index" else value

    def write(self, choice: Choice) -> None:
        """Move every control to a choice, and offer what there is beside it."""
        self.choice = choice
        offered = self.options.of(choice)
        words = self._words(choice, offered)
        with self.quietly():
            for name, (control, trait) in self.fields.items():
                value = getattr(choice, name)
                if trait == "index":
                    _write_slider(control, words[name], offered[name].index(value) if offered[name] else 0)
                    continue
                if name in offered and list(control.options) != offered[name]:
                    control.options = offered[name]
                setattr(control, trait, value)
            self.fields["directions"][0].disabled = len(offered["directions"]) < 2
            self.fields["paths"][0].disabled = not offered["paths"]
            self.turn.disabled = self.tilt.disabled = choice.flat

    def stand_at(self, turn: int, tilt: int) -> None:
        """Move the camera's controls."""
        with self.quietly():
            self.turn.index, self.tilt.index = TURNS.index(turn), TILTS.index(tilt)

    def _words(self, choice: Choice, offered: dict[str, list[Any]]) -> dict[str, list[str]]:
        """What the sliders say at their places."""
        surface = self.options.surfaces[choice.directions]
        places = walk(surface, choice.paths)
        return {
            "radius": [f"{value:.3g}" for value in offered["radius"]],
            "ceiling": ["none" if value is None else f"{value:g} nats" for value in offered["ceiling"]],
            "height": [f"{value:g} nats" for value in offered["height"]],
            "step": [f"{name} {surface.trajectories[name].labels[at]}" for name, at in places] or ["no path"],
        }

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """While it lasts, the view moves its controls itself, and none of them speaks."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before


def _write_slider(slider: StepSlider, words: Sequence[str], place: int) -> None:
    with slider.hold_sync():
        slider.options = list(words)
        slider.index = place
        slider.disabled = len(words) < 2
