"""SmoothingExplorer: models under noise, from sigma to sigma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as W  # noqa: N812
import pandas as pd

from unlearnkit.apps.parts.charts import as_widget
from unlearnkit.apps.parts.explorer import Explorer
from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.html_text import html_text
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.apps.smoothing.choice import Choice
from unlearnkit.apps.smoothing.controls import SmoothingControls
from unlearnkit.apps.smoothing.figure import depends, marked, smoothing_figure
from unlearnkit.apps.smoothing.grid import side_by_side
from unlearnkit.apps.smoothing.model import Shown, Smoothing
from unlearnkit.apps.smoothing.redraw import Drawing, redraw
from unlearnkit.apps.smoothing.smoothing_view import SmoothingView
from unlearnkit.apps.smoothing.survey import CERTIFY_AT, SIGMAS, survey
from unlearnkit.apps.smoothing.words import NUMBERS, smoothing_rows, smoothing_sentences
from unlearnkit.reports.looks import NO_BUTTONS, template_of


class SmoothingExplorer(Explorer):
    """A model under noise: its smoothed loss, what zeroth order sees of it, and what noise certifies.

    Move sigma, the size of the noise, and everything follows: the loss and its smoothed self along a line;
    the gap between them against sigma^2 / 2 tr H; the cosine of a zeroth-order estimate with either gradient,
    beside what sampling alone leaves; the variance of its estimates against their cost; what noise leaves
    of the model; how far forgetting is certified, with how far attacks go; a certificate along an attack.
    Nothing is computed on the way. Where a part was not computed at a sigma, the nearest one is shown and
    said. Every control is reached by keyboard, and all is told in words below the figures.

    Parameters
    ----------
    views : SmoothingView, or dict of str to SmoothingView
        One, or several by name, such as the optimizer's.
    theme : {"light", "dark"}
        Of the figures; the rest follows JupyterLab.

    Attributes
    ----------
    shown : Shown
        Everything that is shown now.
    sentence : str
    table : pandas.DataFrame
        A row a model.
    figure : plotly FigureWidget
        Every chosen figure, each on axes of its own.
    controls, status
        The parts of the view.

    Raises
    ------
    BadInput
        For what are no views, none at all, or an unknown theme; nothing is drawn then.

    Examples
    --------
    >>> import torch
    >>> import unlearnkit as uk
    >>> quartic = uk.smoothing.Formula(lambda w: w.pow(4).sum(), torch.full((40,), 0.5))
    >>> found = uk.smoothing.radius_sweep(quartic, sigmas=[0.001, 0.01, 0.1], queries=200)
    >>> explorer = SmoothingExplorer(uk.apps.SmoothingView(sweep=found))
    >>> explorer.choose(sigma=0.1)
    >>> "zeroth order goes down another loss" in explorer.sentence
    True
    """

    def __init__(self, views: SmoothingView | Mapping[str, SmoothingView], *, theme: str = "light") -> None:
        template_of(theme)
        self._model = Smoothing(views)
        choice = self._model.options.first()
        self._shown = self._model.show(choice)
        self.status = StatusLine()
        self.controls = SmoothingControls(self._model.options, choice, dark=theme == "dark")
        self._made: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._drawing: tuple[tuple[str, ...], Drawing] | None = None
        self._stage = W.VBox(layout={"width": "100%", "overflow": "hidden"})
        self._words, self._rows = W.HTML(), W.HTML()
        self._draw()
        parts = [self.controls.box, self._stage, self.status, self._words, self._rows, self.controls.picture]
        super().__init__(parts)
        self._tell()
        self._listen()

    @classmethod
    def of(
        cls,
        models: Any,
        lab: Any,
        *,
        attacked: Mapping[str, Mapping[str, Any]] | None = None,
        sigmas: Sequence[float] = SIGMAS,
        certify_at: Sequence[float] = CERTIFY_AT,
        samples: int = 100,
        rows: int | None = 64,
        forget_facts: int | None = None,
        retain_facts: int = 60,
        points: int = 11,
        seed: int = 0,
        keep: str | Path | None = None,
        progress: bool = True,
        theme: str = "light",
    ) -> SmoothingExplorer:
        """Compute all of it, with bars, and show it.

        Interrupted, it leaves every model as it was, and what `keep` has is not computed again.

        Parameters
        ----------
        models : model, or dict of str to model
            Such as `run.model` by optimizer.
        lab : Testbed
            The smoothed loss is that of its forget rows.
        attacked : dict of str to dict of str to model, optional
            For each of some models, what attacks made of it by name: marked beside the certified radius, and
            the straight line there is walked.
        sigmas : sequence of float
            Of the line, the sweep and the gradients.
        certify_at : sequence of float
            Of certificates; none for none.
        samples : int
            Of certificates and of each place along an attack; of all other parts too where that is fewer
            than they take by default.
        rows : int, optional
            Of the forget split, for the loss; all if None.
        forget_facts, retain_facts : int
            See `uk.smoothing.certify`.
        points : int
            Of the line; odd.
        seed : int
        keep : path, optional
            A folder for what is finished.
        progress : bool
        theme : {"light", "dark"}

        Raises
        ------
        BadInput
            Before any work, for what are no models or attacks on others, and bad numbers; and for whatever
            the functions of `uk.smoothing` refuse.

        Examples
        --------
        >>> import unlearnkit as uk
        >>> lab = uk.load_testbed("atlas", fold=1)
        >>> few = {"rows": 4, "points": 3, "samples": 4, "forget_facts": 4, "retain_facts": 4}
        >>> few |= {"sigmas": [0.01], "certify_at": [], "progress": False}
        >>> explorer = SmoothingExplorer.of({"adam": lab.never_learned}, lab, **few)
        >>> explorer.shown.choice.figures
        ('line', 'gap', 'cosine', 'variance')
        """
        template_of(theme)
        views = survey(
            models, lab, attacked=attacked, sigmas=sigmas, certify_at=certify_at, samples=samples, rows=rows,
            forget_facts=forget_facts, retain_facts=retain_facts, points=points, seed=seed, keep=keep,
            progress=progress,
        )  # fmt: skip
        return cls(views, theme=theme)

    def choose(self, **changes: Any) -> None:
        """Choose from Python; controls, figures and words follow.

        Parameters
        ----------
        **changes
            Fields of `Choice`: model, sigma, attack, share, simultaneous, figures. A sigma is moved to the
            nearest that was computed.

        Raises
        ------
        UnknownName, BadInput
            For what there is not; nothing changes then.
        """
        self._take(self._changed(**changes))

    @property
    def shown(self) -> Shown:
        """Everything that is shown."""
        return self._shown

    @property
    def sentence(self) -> str:
        """The figures in words."""
        return " ".join(smoothing_sentences(self._shown))

    @property
    def table(self) -> pd.DataFrame:
        """A row a model at the chosen sigma."""
        return pd.DataFrame(smoothing_rows(self._shown))

    # The view

    def _draw(self) -> None:
        """The figure of the choice: moved on where it can be, made anew elsewhere."""
        shown = self._shown
        plain = side_by_side({name: marked(name, self._plain(name), shown) for name in shown.choice.figures})
        before, now = self._drawing, Drawing.of(plain)
        self._drawing = shown.choice.figures, now
        if before and before[0] == shown.choice.figures and redraw(self.figure, before[1], now):
            return
        old: tuple[Any, ...] = self._stage.children
        self.figure: Any = as_widget(_whole(plain, self._theme))
        self._stage.children = (self.figure,)
        for figure in old:
            figure.close()

    def _plain(self, name: str) -> dict[str, Any]:
        """One of its figures; those of before are kept, so that a step is quick."""
        key = depends(name, self._shown)
        if key not in self._made:
            self._made[key] = smoothing_figure(name, self._shown)
        return self._made[key]

    def _listen(self) -> None:
        super()._listen()
        controls = self.controls
        for button, by in ((controls.smaller, -1), (controls.larger, 1)):
            button.on_click(self._guarded(lambda _, by=by: self.choose(sigma=controls.step(by))))

    def _changed(self, **changes: Any) -> Choice:
        return self._model.options.changed(self.controls.choice, **changes)

    def _take(self, choice: Choice) -> None:
        self._shown = self._model.show(choice)
        self.controls.write(choice)
        self._draw()
        self._tell()

    def _tell(self) -> None:
        shown = self._shown
        self._words.value = "".join(html_text(text) for text in smoothing_sentences(shown))
        place = list(shown.others).index(shown.choice.model)
        self._rows.value = html_table(
            smoothing_rows(shown), caption=f"Models near sigma {shown.choice.sigma:.3g}", numbers=NUMBERS,
            chosen=place,
        )  # fmt: skip
        self.status.say(smoothing_sentences(shown)[0])

    def _dress(self) -> None:
        self.figure.update_layout(template=template_of(self._theme))


def _whole(plain: dict[str, Any], theme: str) -> Any:
    import plotly.graph_objects as go

    look = {"template": template_of(theme), "modebar": {"remove": NO_BUTTONS}}
    return go.Figure({"data": plain["data"], "layout": {**plain["layout"], **look}})
