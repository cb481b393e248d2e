"""What comes back, against how long the attacker trains: a figure and its twin in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

from unlearnkit.errors import BadInput
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, MARKERS, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

Curves = Mapping[str, Mapping[int, float]]


def recovery_figure(
    runs: Curves, control: Mapping[int, float], *, facts: str = "held-out", theme: str = "light"
) -> go.Figure:
    """Share of facts answered right, against relearning steps: one line a run, and the control's.

    Parameters
    ----------
    runs : mapping of str to mapping of int to float
        Name of a run to {relearning steps: share of facts, 0 to 1}. Higher means more came back.
    control : mapping of int to float
        The same of the model that never learned the facts, under the same attack.
    facts : str
        Which facts, for the titles.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Never show it without `recovery_sentence` or a table: some readers cannot see it.

    Raises
    ------
    BadInput
        For an unknown theme, or where there is no point to draw.

    Examples
    --------
    >>> figure = recovery_figure({"adam": {0: 0.0, 100: 0.4}}, {0: 0.0, 100: 0.1})
    >>> [line.name for line in figure.data]
    ['adam', 'never learned (control)']
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    _require_points(runs, control)
    looks = zip(cycle(OKABE_ITO), cycle(DASHES), cycle(MARKERS), strict=False)
    lines = [
        _line(name, curve, colour=colour, dash=dash, marker=marker, facts=facts)
        for (name, curve), (colour, dash, marker) in zip(runs.items(), looks, strict=False)
    ]
    grey = _line("never learned (control)", control, colour=CONTROL_GREY, dash="dot", marker="x", facts=facts)
    figure = go.Figure([*lines, grey])
    _lay_out(figure, steps=sorted({*control, *(s for curve in runs.values() for s in curve)}), facts=facts)
    return figure.update_layout(template=template)


def _line(
    name: str, curve: Mapping[int, float], *, colour: str, dash: str, marker: str, facts: str
) -> go.Scatter:
    import plotly.graph_objects as go

    steps = sorted(curve)
    return go.Scatter(
        x=steps,
        y=[curve[step] for step in steps],
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 3},
        marker={"symbol": marker, "size": 10},
        hovertemplate=f"{name}<br>%{{x}} steps: %{{y:.0%}} of {facts} facts<extra></extra>",
    )


def _lay_out(figure: go.Figure, *, steps: list[int], facts: str) -> None:
    figure.update_layout(
        title=f"What comes back: {facts} facts, after relearning",
        xaxis={"title": "relearning steps of the attacker", "tickvals": steps},
        # Always the whole scale: a small recovery must look small.
        yaxis={"title": f"{facts} facts answered right", "range": [-0.02, 1.02], "tickformat": ".0%"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        modebar={"remove": NO_BUTTONS},
        margin={"l": 70, "r": 20, "t": 90, "b": 60},
        height=420,
    )


def recovery_sentence(runs: Curves, control: Mapping[int, float], *, facts: str = "held-out") -> str:
    """The figure in words: what each line shows before the attack and at its largest budget.

    Parameters
    ----------
    runs, control, facts
        As for `recovery_figure`.

    Raises
    ------
    BadInput
        Where there is no point to speak of.

    Examples
    --------
    >>> print(recovery_sentence({"adam": {0: 0.0, 100: 0.4}}, {0: 0.0, 100: 0.1}))
    Of the held-out facts, adam answers 0% right before relearning and 40% after 100 steps;
    the never-learned control 0% and 10%.
    Beyond the control came back: adam +30 points.
    """
    _require_points(runs, control)
    told = [*_told(runs), f"the never-learned control {_ends(control)}"]
    beyond = [f"{name} {_beyond(curve, control)}" for name, curve in runs.items()]
    joined = ";\n".join(told)  # notebooks break a long line anywhere
    return f"Of the {facts} facts, {joined}.\nBeyond the control came back: {', '.join(beyond)}."


def _told(runs: Curves) -> Iterator[str]:
    for place, (name, curve) in enumerate(runs.items()):
        first, last = min(curve), max(curve)
        if place == 0:
            before = "before relearning" if first == 0 else f"after {first} steps"
            yield f"{name} answers {curve[first]:.0%} right {before} and {curve[last]:.0%} after {last} steps"
        else:
            yield f"{name} {_ends(curve)}"


def _ends(curve: Mapping[int, float]) -> str:
    return f"{curve[min(curve)]:.0%} and {curve[max(curve)]:.0%}"


def _beyond(curve: Mapping[int, float], control: Mapping[int, float]) -> str:
    last = max(curve)
    if last not in control:
        raise BadInput(f"control: it lacks {last} steps, so nothing says what is beyond it; attack it alike")
    return f"{100 * (curve[last] - control[last]):+.0f} points"


def _require_points(runs: Curves, control: Mapping[int, float]) -> None:
    empty = [name for name, curve in runs.items() if not curve]
    if empty or not runs:
        what = f"{empty[0]} has no point" if empty else "none was given"
        raise BadInput(f"runs: {what}; give {{name: {{relearning steps: share}}}} for one run at least")
    if not control:
        raise BadInput("control: it has no point, so nothing says what is recovery; attack it alike")
