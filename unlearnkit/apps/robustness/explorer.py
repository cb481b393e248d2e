"""RobustnessExplorer: the records under attack, to look at from every side."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import ipywidgets as W  # noqa: N812
import pandas as pd

from unlearnkit.apps.parts.charts import as_widget
from unlearnkit.apps.parts.explorer import Explorer
from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.html_text import html_text
from unlearnkit.apps.parts.job import Job
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.apps.robustness.choice import Choice, Options
from unlearnkit.apps.robustness.controls import RobustnessControls
from unlearnkit.apps.robustness.fact_view import FactView
from unlearnkit.apps.robustness.figure import drawn_points, dress, redraw, robustness_figure
from unlearnkit.apps.robustness.model import Robustness, Shown
from unlearnkit.apps.robustness.words import (
    NUMBERS,
    robustness_rows,
    robustness_sentence,
    run_name,
    run_rows,
    to_frame,
)
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.reports.looks import template_of
from unlearnkit.reports.page.downloads import spreadsheet_safe

MOST_ROWS = 500  # of the table of runs; all of them are in the CSV file


class RobustnessExplorer(Explorer):
    """What attacks brought back, from the records: figure, words, runs, and answers fact by fact.

    Every control is reached by keyboard. The figure has a row an optimizer: points are runs, their marker is
    the outcome (circle survived, x recovered, triangle destroyed, open circle not applicable, open diamond
    no power), the upright bar is the mean over folds with its 95 % t interval. Grey is never_learned under
    the same attack. A run that is destroyed or not applicable is drawn, and is in no mean; over-forgotten
    runs have a row of their own.

    Parameters
    ----------
    store : RunStore
        Read once; `reload` reads it again.
    theme : {"light", "dark"}
        Of the figure; the rest follows JupyterLab.

    Attributes
    ----------
    shown : Shown
        Everything that is shown now.
    sentence : str
    table : pandas.DataFrame
        The runs that are shown.
    figure : plotly FigureWidget
    controls, facts, status
        The parts of the view.

    Raises
    ------
    BadInput
        When the store has no run under attack, or for an unknown theme.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> explorer = RobustnessExplorer(uk.records.default_store())
    >>> explorer.choose(facts="shown")
    >>> explorer.sentence.startswith("After ")
    True
    """

    def __init__(self, store: Any, *, theme: str = "light") -> None:
        template_of(theme)
        self._store = store
        self._job = Job(failed=self._failed)
        self.status = StatusLine()
        self._model = Robustness(store.attacks(controls=True))
        choice = self._model.options.first()
        self._shown = self._model.show(choice)
        self.controls = RobustnessControls(self._model.options, choice, dark=theme == "dark")
        self.figure = as_widget(robustness_figure(self._shown, theme=theme))
        self.facts = FactView(store, failed=self._failed)
        self._words, self._lines, self._runs = W.HTML(), W.HTML(), W.HTML()
        super().__init__(self._parts())
        self._tell(self._shown)
        self._listen()

    def choose(self, **changes: Any) -> None:
        """Choose from Python; the controls follow, and the view is up to date when this returns.

        Parameters
        ----------
        **changes
            Fields of `Choice`: task, objective, attack, steps, optimizers, folds, matching, facts,
            judged_only.

        Raises
        ------
        UnknownName, BadInput
            For what the records do not have; nothing changes then.
        """
        self._take(self._changed(**changes))
        self.wait()

    def wait(self) -> None:
        """Wait until everything that was chosen is shown."""
        self._job.wait()
        self.facts.job.wait()

    def reload(self) -> None:
        """Read the store again, for runs that were added since; the choice stays where it can."""
        before = self._model.options
        self._model = Robustness(self._store.attacks(controls=True))
        self.controls.options = self._model.options
        self._take(self._model.options.renewed(self.controls.choice, since=before))

    @property
    def shown(self) -> Shown:
        """Everything that is shown, once it is."""
        self._job.wait()
        return self._shown

    @property
    def options(self) -> Options:
        """What there is to choose from."""
        return self._model.options

    @property
    def sentence(self) -> str:
        """The figure in words."""
        return robustness_sentence(self.shown)

    @property
    def table(self) -> pd.DataFrame:
        """The runs that are shown, one row each, with what was chosen."""
        return to_frame(self.shown)

    def save_csv(self, path: str | Path) -> Path:
        """Write the runs that are shown to a file, which must not exist yet.

        Text that a spreadsheet would run as a formula gets a ' before it.
        """
        place = Path(path)
        if place.exists():
            raise BadInput(f"path: {place} exists already; remove it or name another file")
        if not place.parent.is_dir():
            raise MissingReference(f"path: there is no folder {place.parent}; make it, or name another")
        safe = self.table.map(spreadsheet_safe)
        safe.to_csv(place, index=False, lineterminator="\r\n")  # so that a lone CR in a text is quoted
        return place

    # The view

    def _parts(self) -> list[W.Widget]:
        controls = self.controls
        foot = W.HBox([controls.csv, controls.picture, controls.again])
        return [
            controls.box, self.figure, self.status, self._words, self._lines, foot,
            W.HTML("<h4>Runs</h4>"), controls.run, self._runs,
            W.HTML("<h4>Facts: what the model really answered</h4>"), self.facts,
        ]  # fmt: skip

    def _listen(self) -> None:
        super()._listen()
        controls = self.controls
        controls.run.observe(self._guarded(lambda _: self._pick()), names="value")
        controls.csv.on_click(self._guarded(lambda _: self._export()))
        controls.again.on_click(self._guarded(lambda _: self.reload()))
        for trace in self.figure.data[::2]:
            trace.on_click(self._guarded(lambda trace, points, state: self._clicked(points.point_inds)))

    def _failed(self, error: Exception) -> None:
        self.status.fail(error)

    def _changed(self, **changes: Any) -> Choice:
        return self._model.options.changed(self.controls.choice, **changes)

    def _take(self, choice: Choice) -> None:
        self.controls.write(choice)
        model = self._model

        def show(cancel: Event) -> Shown:
            """In the background, of this choice, whatever is chosen meanwhile."""
            return model.show(choice)

        self._job.start(show, then=self._draw)

    def _dress(self) -> None:
        dress(self.figure, self._theme)
        redraw(self.figure, self._shown, theme=self._theme)

    def _draw(self, shown: Shown) -> None:
        self._shown = shown
        redraw(self.figure, shown, theme=self._theme)
        self._tell(shown)

    def _tell(self, shown: Shown) -> None:
        """Everything but the figure: words, tables, and the list of runs."""
        self._words.value = html_text(robustness_sentence(shown))
        self._lines.value = html_table(
            robustness_rows(shown),
            caption="The figure in numbers: mean over folds [95 % t interval]",
            numbers=NUMBERS,
        )
        listed = shown.runs.head(MOST_ROWS).to_dict("records")
        self.controls.list_runs([(run_name(run), run["run_id"]) for run in listed])
        self.status.say(f"{len(shown.runs)} runs are shown.")
        self._pick()

    def _pick(self) -> None:
        """Stress the picked run in the table, and read its answers."""
        if self.controls.quiet:
            return
        shown, run_id = self._shown, self.controls.run.value
        ids = shown.runs["run_id"].tolist()[:MOST_ROWS]
        more = f" (the first {MOST_ROWS} of {len(shown.runs)})" if len(shown.runs) > MOST_ROWS else ""
        self._runs.value = html_table(
            run_rows(shown, most=MOST_ROWS), caption=f"Runs after {shown.attack}{more}", numbers=NUMBERS,
            chosen=ids.index(run_id) if run_id in ids else None,
        )  # fmt: skip
        if run_id is None:
            self.facts.clear()
        else:
            control = self._model.control_of(run_id, shown.choice)
            self.facts.look_at(run_id, shown.attack, control=control)

    def _clicked(self, places: list[int]) -> None:
        ids = [drawn_points(self._shown)["run_id"].iloc[place] for place in places]
        known = {value for _, value in self.controls.run.options}
        for run_id in ids:
            if run_id in known:
                self.controls.run.value = run_id

    def _export(self) -> None:
        place = self.save_csv(_free_name(Path("robustness.csv")))
        self.status.say(f"{len(self._shown.runs)} runs were written to {place.resolve()}.")


def _free_name(path: Path) -> Path:
    """The path, or the first of name-2, name-3, … that is free."""
    names = (path.with_stem(f"{path.stem}-{number}") for number in range(2, 10_000))
    return next(name for name in (path, *names) if not name.exists())
