"""Parts of smoothing views: closed forms for losses, and made-up counts for certificates."""

from __future__ import annotations

from functools import cache

import torch

from unlearnkit.apps import SmoothingView
from unlearnkit.smoothing import (
    AlongAttack,
    Certificate,
    Curve,
    EventCertificate,
    Formula,
    ModelCertificate,
    Reach,
    Reaches,
    Retention,
    compare_gradients,
    radius_sweep,
    smoothed_line,
)

ALL = ("line", "gap", "cosine", "variance", "retention", "certificate", "attack")
FIRST = {
    "model": "adam", "sigma": 0.1, "attack": "relearning", "share": "split", "simultaneous": False,
    "figures": ALL,
}  # fmt: skip
SIGMAS = [0.01, 0.1, 1.0]
FACTS = ("capital/Chad", "capital/Peru", "river/Chad", "river/Peru")


def quartic(size: int = 40) -> Formula:
    """Sum of w^4 at w = 1/2: f is d/16, the gap 3/2 d sigma^2 / 4 + 3 d sigma^4, the trace 3 d."""
    return Formula(lambda w: w.pow(4).sum(), torch.full((size,), 0.5, dtype=torch.float64))


def gap(sigma: float, size: int = 40) -> float:
    """f_sigma - f of the quartic: E (w + s u)^4 - w^4 = 6 w^2 s^2 + 3 s^4, for each weight."""
    return size * (6 * 0.25 * sigma**2 + 3 * sigma**4)


@cache
def sweep():
    return radius_sweep(quartic(), SIGMAS, queries=200, gradients=16, trace_samples=20)


@cache
def line():
    return smoothed_line(quartic(), torch.full((40,), 0.5).double(), sigmas=[0.1, 1.0], points=5, samples=64)


@cache
def gradients():
    return {sigma: compare_gradients(quartic(), sigma=sigma, samples=32) for sigma in (0.01, 0.1)}


def model(*forgotten, sigma=0.1, kept=0.95, weights="0"):
    split = EventCertificate(min(forgotten), 100, sigma, 0.01, works=kept > 0.85)
    return ModelCertificate(
        facts=FACTS, forgotten=forgotten, samples=100, sigma=sigma, alpha=0.01, split=split,
        retain=Retention(kept, (kept - 0.01, kept + 0.01), 1.0, 0.8, 60, 100, 0.01), weights=weights,
        known=(False,) * 4,
    )  # fmt: skip


def certificate(sigma=0.1, *, kept=0.95, ours=(100, 90, 70, 40), target=(1, 0, 0, 0), weights="0"):
    return Certificate(
        model=model(*ours, sigma=sigma, kept=kept, weights=weights), target=model(*target, sigma=sigma),
        never_learned=model(100, 100, 99, 100, sigma=sigma), dimensions=40, subspace=None,
        thresholds=(0.05, 0.05), seed=0, forward_passes=303,
    )  # fmt: skip


def certificates():
    """At 0.1 it works; at 1 noise wrecks the model, which misses everything."""
    return {0.1: certificate(), 1.0: certificate(1.0, kept=0.2, ours=(100, 100, 100, 100))}


def along(sigma=0.1, end=2.4):
    split = Curve((0.9, 0.5, 0.0), (0.95, 0.8, 0.1), (0.9, 0.7, 0.0), (1.0, 0.9, 0.2), (1.0, 1.0, 0.0))
    kept = Curve(None, (0.95, 0.9, 0.3), (0.9, 0.85, 0.2), (1.0, 0.95, 0.4), (1.0, 1.0, 0.9))
    return AlongAttack(
        distances=(0.0, end / 2, end), inside=(1.0, 1.0, 1.0), curves={"split": split, "retain": kept},
        broken_facts=(0, 0, 0), radius=0.03, sigma=sigma, alpha=0.01, samples=100,
    )  # fmt: skip


def reaches(dimensions=40, distances=(2.4, 0.01)):
    names = ("relearning", "rounding")
    found = tuple(Reach(name, far, far, 0.0, 0.0, False) for name, far in zip(names, distances, strict=True))
    return Reaches(found, 0.0, 0.0, dimensions)


def whole(**changes) -> SmoothingView:
    """A view with every part."""
    given = {
        "line": line(), "sweep": sweep(), "gradients": gradients(), "certificates": certificates(),
        "along": {"relearning": [along(), along(1.0)], "rounding": along(end=0.01)}, "reaches": reaches(),
    }  # fmt: skip
    return SmoothingView(**{**given, **changes})


def losses_only() -> SmoothingView:
    """A view without certificates."""
    return SmoothingView(sweep=sweep())


def move(explorer, name, value):
    """Move a control as a reader would."""
    control, trait = explorer.controls.fields[name]
    setattr(control, trait, value)


def values(explorer):
    """Everything that is drawn, as plain values."""
    layout = explorer.figure.layout
    marks = [title.text for title in layout.annotations]
    return repr(([trace.to_plotly_json() for trace in explorer.figure.data], layout.shapes, marks))


def end_of(explorer, figure):
    """What the names of a figure's axes end in: nothing, 2, 3 and so on."""
    place = explorer.shown.choice.figures.index(figure)
    return str(place + 1) if place else ""


def drawn_in(explorer, figure):
    """A figure's traces."""
    return [trace for trace in explorer.figure.data if trace.xaxis == f"x{end_of(explorer, figure)}"]


def traces(explorer, figure):
    """A figure's traces by name."""
    return {trace.name: trace for trace in drawn_in(explorer, figure) if trace.name}


def axis(explorer, figure):
    """A figure's axis across."""
    return explorer.figure.layout[f"xaxis{end_of(explorer, figure)}"]


def title(explorer, figure):
    """What stands above a figure."""
    left = axis(explorer, figure).domain[0]
    top = explorer.figure.layout[f"yaxis{end_of(explorer, figure)}"].domain[1]
    (found,) = (one.text for one in explorer.figure.layout.annotations if (one.x, one.y) == (left, top))
    return found


def here(explorer, figure):
    """Where the line at the reader's sigma stands: it is the last one."""
    line = [one for one in explorer.figure.layout.shapes if one.xref == f"x{end_of(explorer, figure)}"][-1]
    assert line.x0 == line.x1
    assert line.yref == f"y{end_of(explorer, figure)} domain"
    return line.x0
