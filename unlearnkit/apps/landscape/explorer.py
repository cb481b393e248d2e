"""LandscapeExplorer: the loss around a model, to look at from every side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as W  # noqa: N812
import pandas as pd

from unlearnkit.apps.landscape.cameras import (
    FIRST,
    TILTS,
    TURNS,
    Camera,
    LinkedCameras,
    camera_at,
    stand_of,
)
from unlearnkit.apps.landscape.choice import Choice
from unlearnkit.apps.landscape.controls import LandscapeControls
from unlearnkit.apps.landscape.eigenvalues import eigenvalue_widget
from unlearnkit.apps.landscape.figure import dress, landscape_figure, redraw, scenes
from unlearnkit.apps.landscape.model import Landscape, Shown
from unlearnkit.apps.landscape.survey import survey
from unlearnkit.apps.landscape.words import NUMBERS, landscape_rows, landscape_sentences
from unlearnkit.apps.parts.charts import as_widget
from unlearnkit.apps.parts.explorer import Explorer
from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.html_text import html_text
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.errors import require_one_of
from unlearnkit.reports.looks import template_of

# Beside each other where there is room for both to be read from afar, else below.
WIDE = {"flex": "3 1 760px", "min_width": "0", "overflow": "hidden"}
BESIDE = {"flex": "1 1 300px", "min_width": "0", "overflow": "hidden"}


class LandscapeExplorer(Explorer):
    """The losses around a model side by side, under one camera; everything in words below.

    Turn one landscape with the mouse, or with Turn and Tilt, and all turn; keys reach every control. A line
    lies at the height of the slice. Paths lie on the ground beneath the models, and a stem leads from the
    ground to the model's own loss where one stands: what lies between is what the plane does not see.

    Parameters
    ----------
    surface : Surface, or dict of str to Surface
        One, or several by the name of their directions, all with the same losses.
    eigenvalues : Eigenvalues, or dict of str to Eigenvalues, optional
        Shown beside, with their residuals; six by name at most.
    theme : {"light", "dark"}
        Of the figures; the rest follows JupyterLab.

    Attributes
    ----------
    shown : Shown
        Everything that is shown now.
    sentence : str
    table : pandas.DataFrame
        A row a loss.
    figure : plotly FigureWidget
    spectrum : plotly FigureWidget or None
        The eigenvalues.
    controls, status
        The parts of the view.

    Raises
    ------
    BadInput
        For what are no surfaces or eigenvalues, unlike losses, grids that do not fit their axes or are not
        around a model, more than six sets of eigenvalues, or an unknown theme; nothing is drawn then.

    Examples
    --------
    >>> import numpy as np
    >>> import unlearnkit as uk
    >>> axis = np.linspace(-1, 1, 5)
    >>> bowl = {"forget": axis[None] ** 2 + axis[:, None] ** 2}
    >>> explorer = LandscapeExplorer(uk.flatness.Surface(axis, axis, bowl, "two axes", {}))
    >>> explorer.choose(radius=0.5, height=0.25)
    >>> explorer.shown.basins["forget"].below
    0.555...
    """

    def __init__(self, surface: Any, *, eigenvalues: Any = None, theme: str = "light") -> None:
        template_of(theme)
        self._model = Landscape(surface, eigenvalues)
        choice = self._model.options.first()
        self._shown = self._model.show(choice)
        self._camera, self._turning = camera_at(*FIRST), False
        self.status = StatusLine()
        self.controls = LandscapeControls(self._model.options, choice, dark=theme == "dark")
        self._stage = W.VBox(layout=WIDE)
        self.spectrum = eigenvalue_widget(self._model.eigenvalues, theme=theme)
        self._words, self._rows = W.HTML(), W.HTML()
        self._build()
        super().__init__(self._parts())
        self._tell()
        self._listen()

    @classmethod
    def of(
        cls,
        losses: Any,
        *,
        models: Any = None,
        directions: Any = ("random", "eigen"),
        points: int = 21,
        span: float = 1.0,
        trajectories: Any = None,
        k: int = 5,
        seed: int = 0,
        theme: str = "light",
    ) -> LandscapeExplorer:
        """Compute surfaces along several directions, with bars, and show them.

        Parameters
        ----------
        losses : TokenMeanLoss, or dict of them by name
            Of one model.
        models : two models, optional
            Adds the plane through them and the losses' own, named "models".
        directions : sequence of {"random", "eigen", "principal"}
            See `uk.flatness.surface`; "principal" is the plane that holds most of the trajectories.
        points, span, seed
            Of every surface.
        trajectories : dict of str to list of models, optional
            Such as those of unlearning and of an attack, drawn on every surface.
        k : int
            How many eigenvalues to show of each loss; 0 for none.
        theme : {"light", "dark"}

        Raises
        ------
        BadInput
            For directions that are not known, none at all, or anything that `surface` or `top_eigenvalues`
            would refuse.

        Examples
        --------
        >>> import unlearnkit as uk
        >>> lab = uk.load_testbed("atlas", fold=1)
        >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=4))
        >>> explorer = LandscapeExplorer.of({"forget": loss}, directions=["random"], points=3, k=0)
        >>> explorer.shown.surface.values["forget"].shape
        (3, 3)
        """
        template_of(theme)
        surfaces, eigenvalues = survey(
            losses, models=models, directions=directions, points=points, span=span,
            trajectories=trajectories, k=k, seed=seed,
        )  # fmt: skip
        return cls(surfaces, eigenvalues=eigenvalues or None, theme=theme)

    def choose(self, **changes: Any) -> None:
        """Choose from Python; controls, figure and words follow.

        Parameters
        ----------
        **changes
            Fields of `Choice`: directions, losses, radius, ceiling, height, paths, step, flat. A radius is
            moved to the nearest at which cells lie.

        Raises
        ------
        UnknownName, BadInput
            For what there is not; nothing changes then.
        """
        self._take(self._changed(**changes))

    def look_from(self, *, turn: int, tilt: int) -> None:
        """Put every landscape's camera somewhere, at the distance that it has.

        Parameters
        ----------
        turn : int
            Degrees around, in steps of 15.
        tilt : int
            Degrees above the ground, in steps of 15 up to 90.

        Raises
        ------
        UnknownName
            For anything else.
        """
        require_one_of("turn", turn, TURNS)
        require_one_of("tilt", tilt, TILTS)
        self._turn_all(camera_at(turn, tilt, distance=stand_of(self._camera)[2]))
        self.controls.stand_at(turn, tilt)

    @property
    def shown(self) -> Shown:
        """Everything that is shown."""
        return self._shown

    @property
    def sentence(self) -> str:
        """The figures in words."""
        return " ".join(landscape_sentences(self._shown))

    @property
    def table(self) -> pd.DataFrame:
        """A row a loss: at the model, its range, its basin, and where the reader stands."""
        return pd.DataFrame(landscape_rows(self._shown))

    # The view

    def _parts(self) -> list[W.Widget]:
        beside = [W.VBox([self.spectrum], layout=BESIDE)] if self.spectrum is not None else []
        stage = W.HBox([self._stage, *beside], layout={"flex_flow": "row wrap", "width": "100%"})
        return [
            self.controls.box, stage, self.status, self._words, self._rows, self.controls.picture,
            LinkedCameras(),
        ]  # fmt: skip

    def _build(self) -> None:
        """A new figure, where the one before cannot take on what is chosen."""
        old = self._stage.children
        self.figure = as_widget(landscape_figure(self._shown, theme=self._theme, camera=self._camera))
        for scene in scenes(self.figure):
            self.figure.layout[scene].on_change(self._guarded(self._turned), "camera")
        self._stage.children = (self.figure,)
        for figure in old:
            figure.close()

    def _listen(self) -> None:
        super()._listen()
        controls = self.controls
        for slider in (controls.turn, controls.tilt):
            slider.observe(self._guarded(lambda _: self._steered()), names="index")

    def _changed(self, **changes: Any) -> Choice:
        return self._model.options.changed(self.controls.choice, **changes)

    def _take(self, choice: Choice) -> None:
        self._shown = self._model.show(choice)
        self.controls.write(choice)
        if not redraw(self.figure, self._shown):
            self._build()
        self._tell()

    def _tell(self) -> None:
        shown = self._shown
        self._words.value = "".join(html_text(text) for text in landscape_sentences(shown))
        self._rows.value = html_table(
            landscape_rows(shown), caption="The landscape in numbers, nats a token", numbers=NUMBERS
        )
        size = f"{len(shown.surface.betas)} × {len(shown.surface.alphas)}"
        self.status.say(f"{size} cells of {', '.join(shown.surface.values)} are shown.")

    def _steered(self) -> None:
        controls = self.controls
        if not controls.quiet:
            self.look_from(turn=TURNS[controls.turn.index], tilt=TILTS[controls.tilt.index])

    def _turned(self, _: Any, camera: Any) -> None:
        """One scene was turned by hand: the others follow."""
        if not self._turning:
            self._turn_all(camera.to_plotly_json())
            self.controls.stand_at(*stand_of(self._camera)[:2])

    def _turn_all(self, camera: Camera | Mapping[str, Any]) -> None:
        self._camera, self._turning = dict(camera), True
        try:
            self.figure.plotly_relayout({f"{scene}.camera": camera for scene in scenes(self.figure)})
        finally:
            self._turning = False

    def _dress(self) -> None:
        for figure in (self.figure, self.spectrum):
            if figure is not None:
                dress(figure, self._theme)
