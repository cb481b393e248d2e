"""The report: one HTML file with everything in it, which opens without a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearnkit import __version__
from unlearnkit.reports.collected import Problem, collect
from unlearnkit.reports.decision import decision_sentence
from unlearnkit.reports.page.curves import recovery_figures
from unlearnkit.reports.page.downloads import downloads
from unlearnkit.reports.page.figures import Figure, templates
from unlearnkit.reports.page.frontiers import frontier_of, has_frontier, shipped_frontiers
from unlearnkit.reports.page.points import LEGEND, cost_figures, cost_table, depth_figures
from unlearnkit.reports.page.runs import (
    control_provenance,
    makers_table,
    provenance,
    runs_table,
    scope_sentence,
)
from unlearnkit.reports.page.survival import (
    controls_table,
    status_sentence,
    survival_sentences,
    survival_tables,
)
from unlearnkit.reports.page.tables import Table, outcome_chip
from unlearnkit.reports.rules import margin_text, rules_of_runs
from unlearnkit.reports.writing import writable, write_report
from unlearnkit.unlearning.status import DEPTH_BAND, KNOWLEDGE_MARGIN, RETAIN_FLOOR

if TYPE_CHECKING:
    from unlearnkit.records import RunStore

RULES = {
    "band": f"{DEPTH_BAND:.0%}",
    "knowledge": f"{KNOWLEDGE_MARGIN:.2f}",
    "floor": f"{RETAIN_FLOOR:g}",
}
OUTCOME_WORDS = {
    "survived": "of shown and of held-out facts came back at most {margin}, at every budget",
    "recovered": "more came back",
    "destroyed": "the model forgot what it should keep, before the attack or under it: no robustness",
    "no power": "the attack was not seen to break a planted model that hides what it knows",
    "not applicable": "the run had not forgotten enough to begin with, or has no control",
}


@dataclass(frozen=True)
class Chapter:
    """What the page says of one problem."""

    problem: Problem
    status: str
    decision: str
    survival: Sequence[Table]
    survival_words: Sequence[str]
    controls: Table
    depth: Sequence[Figure]
    frontier: Figure | None
    recovery: Sequence[Figure]
    cost: Sequence[Figure]
    costs: Table
    runs: Table
    provenance: Sequence[Any]

    @property
    def number(self) -> int:
        """Of its runs."""
        return len(self.problem.runs)


def html(store: RunStore, path: str | Path, *, tag: str | None = None, task: str | None = None) -> Path:
    """Write a report of the runs in a store: one HTML file that opens offline, with no request at all.

    It holds what was asked and what is not claimed, survival by grade, recovery against depth and cost,
    the frontier of forgetting against retention, recovery curves beside never_learned's, every run with its
    provenance, and all numbers as CSV. Every figure has a twin in words and a table.

    Parameters
    ----------
    store : RunStore
        May be empty; the page says so then.
    path : str or Path
        The file to write, such as "report.html"; replaced if it is there, and never half-written.
    tag, task : str, optional
        Only the runs with this tag, of this task. The controls of their folds come along.

    Returns
    -------
    Path
        Of the file. The same records make the same file, to the byte.

    Raises
    ------
    BadInput
        Before any work, when the file cannot be written.

    Examples
    --------
    >>> from unlearnkit.reports import html
    >>> html(None, "no/such/folder/report.html")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: path: no/such/folder is no folder; nothing was written; make it, ...
    """
    wanted = writable("path", Path(path))
    page = page_of(collect(store, tag=tag, task=task), asked={"tag": tag, "task": task})
    write_report("path", wanted, page)
    return wanted


def page_of(problems: Sequence[Problem], *, asked: Mapping[str, str | None] | None = None) -> str:
    """The page's HTML.

    Parameters
    ----------
    problems : sequence of Problem
        What `collect` or `problems_of` made of rows; none: the page says that there is none.
    asked : mapping, optional
        By what the runs were chosen, for the page to say: {"tag": …, "task": …}.
    """
    import jinja2
    from plotly.offline import get_plotlyjs

    chapters = _chapters(problems)
    library, script = get_plotlyjs().strip(), _resource("page.js").strip()
    margin = margin_text(rules_of_runs(run for problem in problems for run in problem.runs))
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    return environment.get_template("page.html").render(
        chapters=chapters,
        problems=problems,
        scope=scope_sentence(problems),
        asked={name: value for name, value in (asked or {}).items() if value is not None},
        rules=RULES | {"margin": margin},
        outcomes=list(_outcomes(margin)),
        marker_legend=LEGEND,
        control_lines=control_provenance,
        makers=makers_table(problems),
        downloads=downloads(problems),
        version=__version__,
        style=_resource("page.css"),
        library=library,
        script=script,
        templates=templates(),
        hashes=[_hash(library), _hash(script)],
    )


def _outcomes(margin: str) -> Iterator[tuple[Any, str]]:
    for name, words in OUTCOME_WORDS.items():
        yield outcome_chip(name), words.replace("{margin}", margin)


def _chapters(problems: Sequence[Problem]) -> list[Chapter]:
    frontiers = shipped_frontiers()
    chapters, start = [], 1
    for problem in problems:
        chapters.append(_chapter(problem, frontiers, start))
        start += len(problem.runs)
    return chapters


def _chapter(problem: Problem, frontiers: Mapping[str, Any], start: int) -> Chapter:
    return Chapter(
        problem=problem,
        status=status_sentence(problem),
        decision=decision_sentence(problem),
        survival=survival_tables(problem),
        survival_words=survival_sentences(problem),
        controls=controls_table(problem),
        depth=list(depth_figures(problem)),
        frontier=frontier_of(problem, frontiers) if has_frontier(problem, frontiers) else None,
        recovery=list(recovery_figures(problem)),
        cost=list(cost_figures(problem)),
        costs=cost_table(problem),
        runs=runs_table(problem, start),
        provenance=list(provenance(problem, start)),
    )


def _resource(name: str) -> str:
    return resources.files("unlearnkit.reports.page").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What the page's policy allows to run: this script, and nothing that came in with a record."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
