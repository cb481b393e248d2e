"""RecordsView: the runs in a store, to filter, tag and annotate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as W  # noqa: N812
import pandas as pd

from unlearnkit.apps.parts.guard import guarded
from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.apps.parts.view import View

ANY = "any"
MOST_ROWS = 200
WIDE = {"description_width": "initial"}
COLUMNS = ("run_id", "task", "fold", "objective", "optimizer", "lr", "seed", "status")


class RecordsView(View):
    """A table of runs with their tags and notes; pick one to tag it or to write its note.

    Parameters
    ----------
    store : RunStore
        What is written goes to it at once. The records that ship cannot be changed; the view says so.

    Attributes
    ----------
    frame : pandas.DataFrame
        The runs that pass the filters.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> view = RecordsView(uk.records.default_store())
    >>> bool((view.frame.tags.map(len) > 0).all())
    True
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._quiet = False
        self._noted: str | None = None  # the run whose note is shown
        self.status = StatusLine()
        self.tag_filter = _dropdown("Tag", "Only runs that carry it")
        self.optimizer_filter = _dropdown("Optimizer", "Only its runs")
        self.outcome_filter = _dropdown("Outcome", "Only runs of which some attack ended so")
        self.run = _dropdown("Run", "Whose tags and note are changed below", width="100%")
        self.tag = W.Text(description="A tag", style=WIDE, tooltip="A word of your own, such as lecture-3")
        self.add_button = W.Button(description="Add tag", tooltip="Put the tag on the run")
        self.remove_button = W.Button(description="Remove tag", tooltip="Take the tag off the run")
        self.note = W.Textarea(
            description="Note", style=WIDE, tooltip="What you want to remember of it", rows=2
        )
        self.note.layout.width = "100%"
        self.note_button = W.Button(description="Save note", tooltip="Write the note, over the one there was")
        self._html = W.HTML()
        self.frame = pd.DataFrame()
        super().__init__(self._parts())
        self._listen()
        self.reload()

    @property
    def sentence(self) -> str:
        """How many runs pass the filters."""
        return f"{len(self.frame)} runs"

    def reload(self) -> None:
        """Read the store again; filters and the picked run stay where they can."""
        everything = self._store.to_frame()
        tags = sorted({tag for tags in everything["tags"] for tag in tags})
        outcomes = sorted({str(word) for word in self._store.attacks()["outcome"].dropna()})
        offered = (
            (self.tag_filter, tags),
            (self.optimizer_filter, sorted(set(everything["optimizer"]))),
            (self.outcome_filter, outcomes),
        )
        with self._quietly():
            for control, words in offered:
                _offer(control, [(ANY, ANY), *((word, word) for word in words)])
        self._filter()

    # The view

    def _parts(self) -> list[W.Widget]:
        wrap = {"flex_flow": "row wrap"}
        return [
            W.HBox([self.tag_filter, self.optimizer_filter, self.outcome_filter], layout=wrap),
            self._html,
            self.run,
            W.HBox([self.tag, self.add_button, self.remove_button], layout=wrap),
            self.note,
            self.note_button,
            self.status,
        ]

    def _listen(self) -> None:
        for control in (self.tag_filter, self.optimizer_filter, self.outcome_filter):
            control.observe(self._moved(self._filter), names="value")
        self.run.observe(self._moved(self._show), names="value")
        store = self._store
        self.add_button.on_click(self._does(lambda run: store.tag(run, self.tag.value), "Tag put on"))
        self.remove_button.on_click(self._does(lambda run: store.untag(run, self.tag.value), "Tag taken off"))
        self.note_button.on_click(self._does(lambda run: store.note(run, self.note.value), "Note saved for"))

    def _moved(self, act: Callable[[], None]) -> Callable[..., None]:
        """A control's callback; one that the view moves itself says nothing."""
        return guarded(lambda _: None if self._quiet else act(), self.status.fail)

    def _does(self, act: Callable[[str], Any], done: str) -> Callable[..., None]:
        """A button's callback: change the picked run, read again, say so."""

        def callback(_: W.Button) -> None:
            """Act on the run that is picked now, not on the one when the button was made."""
            run_id = self.run.value
            if run_id is None:
                self.status.say("No run is picked.")
                return
            act(run_id)
            self.reload()
            self.status.say(f"{done} {run_id}.")

        return guarded(callback, self.status.fail)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """A block in which the view moves its own controls, which is no news to it."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _filter(self) -> None:
        chosen = {
            "tag": self.tag_filter.value,
            "optimizer": self.optimizer_filter.value,
            "outcome": self.outcome_filter.value,
        }
        self.frame = self._store.to_frame(**{name: word for name, word in chosen.items() if word != ANY})
        named = [(_name(run), run["run_id"]) for run in self.frame.head(MOST_ROWS).to_dict("records")]
        with self._quietly():
            _offer(self.run, named)
        self._show()
        self.status.say(f"{len(self.frame)} runs.")

    def _show(self) -> None:
        """The table, with the picked run stressed, and that run's note to edit."""
        listed = self.frame.head(MOST_ROWS).to_dict("records")
        ids = [run["run_id"] for run in listed]
        place = ids.index(self.run.value) if self.run.value in ids else None
        more = f" (the first {MOST_ROWS} of {len(self.frame)})" if len(self.frame) > MOST_ROWS else ""
        self._html.value = html_table(
            [_row(run) for run in listed], caption=f"Runs{more}", numbers=("fold", "lr", "seed"), chosen=place
        )
        if self.run.value != self._noted:  # else somebody may be writing it just now
            self._noted = self.run.value
            self.note.value = "" if place is None else str(listed[place]["notes"] or "")


def _dropdown(name: str, tooltip: str, *, width: str = "max-content") -> W.Dropdown:
    return W.Dropdown(description=name, tooltip=tooltip, style=WIDE, layout={"width": width})


def _offer(control: W.Dropdown, options: list[tuple[str, Any]]) -> None:
    """New options; what was picked stays if it is among them."""
    picked, values = control.value, [value for _, value in options]
    control.options = options
    control.value = picked if picked in values else next(iter(values), None)


def _name(run: dict[Any, Any]) -> str:
    return f"{run['optimizer']}, {run['task']}, fold {run['fold']}, seed {run['seed']} ({run['run_id'][:6]})"


def _row(run: dict[Any, Any]) -> dict[str, Any]:
    plain = {name: run[name] for name in COLUMNS} | {"lr": f"{run['lr']:g}"}
    return plain | {"tags": ", ".join(run["tags"]), "notes": run["notes"] or None}
