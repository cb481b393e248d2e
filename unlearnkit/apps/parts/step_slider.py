"""A slider over a few named places that tells screen readers its name and value; ipywidgets' has no name."""

from __future__ import annotations

from importlib import resources
from typing import Any

import anywidget
import traitlets

STYLE = """
.unlearnkit-slider { display: flex; align-items: center; gap: 8px; margin: 2px; line-height: 28px;
  color: var(--jp-ui-font-color1, inherit); font-size: var(--jp-widgets-font-size, 13px); }
.unlearnkit-slider input { flex: 1 1 auto; min-width: 100px; accent-color: var(--jp-brand-color1, #0072B2); }
.unlearnkit-slider output { min-width: 6em; }
"""


class StepSlider(anywidget.AnyWidget):
    """A slider whose places are texts.

    Attributes
    ----------
    label : str
        Its name.
    options : list of str
        What its places say, from left to right.
    index : int
        Where it stands, from 0.
    disabled : bool
    hint : str

    Examples
    --------
    >>> slider = StepSlider(label="Budget", options=["25 steps", "100 steps"])
    >>> slider.index = 1
    >>> slider.options[slider.index]
    '100 steps'
    """

    _esm = resources.files("unlearnkit.apps.parts").joinpath("step_slider.js").read_text(encoding="utf-8")
    _css = STYLE

    label = traitlets.Unicode("").tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    hint = traitlets.Unicode("").tag(sync=True)

    @traitlets.validate("index")
    def _within(self, proposal: dict[str, Any]) -> int:
        """Keep to the places there are: a late message from the browser may name one that is gone."""
        return min(max(int(proposal["value"]), 0), max(len(self.options) - 1, 0))
