"""A run as it goes: its loss, what it still knows, and how surprised it is by what it must forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unlearnkit.apps.live.run import LiveRun, Look
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, MARKERS, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

TITLES = ("loss of the objective", "answered right", "surprise (nats a token)")
KNOWN = {"retain": "to keep (sample)", "shown": "to forget, shown", "heldout": "to forget, held-out"}


def live_figure(live: LiveRun, *, theme: str = "light") -> go.Figure:
    """The figure of a run that may not have begun; `redraw_live` adds what was seen since."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=3, horizontal_spacing=0.06, subplot_titles=TITLES)
    figure.add_trace(_line("loss", 0, mode="lines"), row=1, col=1)
    for place, name in enumerate(KNOWN.values()):
        figure.add_trace(_line(name, place), row=1, col=2)
    figure.add_trace(_line("surprise", 1), row=1, col=3)
    grey = {"color": CONTROL_GREY, "dash": "dash", "width": 2}
    figure.add_trace(go.Scatter(x=[], y=[], mode="lines", line=grey, name="never_learned"), row=1, col=3)
    figure.update_xaxes(title="step", range=[0, live.config.steps])
    figure.update_yaxes(range=[-0.03, 1.03], tickformat=".0%", row=1, col=2)
    figure.update_yaxes(rangemode="tozero", row=1, col=3)
    return figure.update_layout(
        template=template_of(theme),
        autosize=True,
        height=330,
        margin={"l": 50, "r": 20, "t": 50, "b": 40},
        legend={"orientation": "h", "y": -0.25, "yanchor": "top"},
        modebar={"remove": NO_BUTTONS},
        uirevision="the same",
    )


def redraw_live(widget: go.FigureWidget, live: LiveRun) -> None:
    """Draw everything seen so far."""
    looks = list(live.looks)
    steps = [look.step for look in looks]
    lines: list[tuple[Sequence[float], Sequence[float]]] = [(range(1, len(live.losses) + 1), live.losses)]
    lines += [(steps, [getattr(look, name) for look in looks]) for name in (*KNOWN, "nll_forget")]
    control = [] if live.control is None else [live.control.nll_forget] * 2
    lines.append(([0, live.config.steps][: len(control)], control))
    with widget.batch_update():
        for trace, (x, y) in zip(widget.data, lines, strict=True):
            trace.x, trace.y = list(x), list(y)


def live_sentence(live: LiveRun) -> str:
    """The figure in words: the last look, and never_learned beside it."""
    config = live.config
    what = f"{config.optimizer} + {config.objective}, lr {config.lr:g}, seed {config.seed}"
    if not live.looks:
        return f"{what}: not begun."
    last = live.looks[-1]
    loss = f"The loss is {live.losses[-1]:.3f}. " if live.losses else ""
    return (
        f"{what}, after {last.step} of {config.steps} steps: of what must be forgotten it answers "
        f"{last.shown:.0%} (shown) and {last.heldout:.0%} (held-out) right, of a sample of what must be kept "
        f"{last.retain:.0%}. {loss}Its surprise is {last.nll_forget:.2f} nats a token{_beside(live.control)}."
    )


def _beside(control: Look | None) -> str:
    return "" if control is None else f"; the model that never learned it has {control.nll_forget:.2f}"


def answer_rows(live: LiveRun) -> list[dict[str, Any]]:
    """The sampled questions, with the answers of the first and of the last look."""
    halves = {"forget": set(live.lab.forget.questions)}
    first = live.looks[0].answers if live.looks else ()
    last = live.looks[-1].answers if live.looks else ()
    return [
        {
            "question": question.question,
            "must be": "forgotten" if question in halves["forget"] else "kept",
            "true answer": question.answer,
            "before": first[place] if first else None,
            "now": last[place] if last else None,
        }
        for place, question in enumerate(live.sample)
    ]


def _line(name: str, place: int, *, mode: str = "lines+markers") -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[],
        y=[],
        name=name,
        mode=mode,
        line={"color": OKABE_ITO[place], "dash": DASHES[place], "width": 2},
        marker={"symbol": MARKERS[place], "size": 7},
    )
