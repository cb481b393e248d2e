"""The focus brief: one page for those who decide, on what robustness costs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearnkit.reports.collected import Arm, Problem, collect
from unlearnkit.reports.decision import contrasts, decision_sentence
from unlearnkit.reports.fields import met
from unlearnkit.reports.rules import judged_under
from unlearnkit.studies.intervals import by_fold
from unlearnkit.studies.table import MARKS

if TYPE_CHECKING:
    from unlearnkit.records import RunStore

QUESTION = (
    "A model was made to forget, then attacked: its weights were rounded, or trained on half of what it had "
    "forgotten. Coarser optimizers are said (arXiv 2510.00761) to buy robustness; what do they cost?"
)
READING = (
    "Forgotten: as deep as a model that never learned. Over-forgotten: deeper, which alone makes a run look "
    "more robust. Rows of different status must not be compared, and their order is no ranking. Costs are "
    "forward passes over a batch, a backward pass counting 2. Differences are means over folds with 95 % t "
    "intervals, not corrected for their number, and not matched in retention; a verdict on the claim needs "
    "the rules of uk.studies.claims_table()."
)
NO_RUN = "There is no run in these records, so nothing can be said. Make some: unlearnkit compare."
MOST_COMPARISONS = 6
HEAD = ("grade", "optimizer", "status", "runs", "folds", "depth × control", "cost", "seconds")
Lines = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """What the brief says of one task and objective: a sentence, a table, and comparisons at one depth."""

    title: str
    decision: str
    head: tuple[str, ...]
    rows: Lines
    comparisons: tuple[str, ...]


@dataclass(frozen=True)
class Brief:
    """One page: `markdown` for a mail or a file; a notebook shows it as HTML.

    Examples
    --------
    >>> print(Brief(()).markdown.splitlines()[0])
    # Focus brief: what does robustness cost?
    """

    parts: tuple[Part, ...]

    @property
    def markdown(self) -> str:
        """The page as Markdown; text of records is escaped."""
        body = [text for part in self.parts for text in _part_markdown(part)] or [NO_RUN]
        end = [READING] if self.parts else []
        return "\n\n".join(["# Focus brief: what does robustness cost?", QUESTION, *body, *end]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"parts": [{**vars(part), "rows": [list(row) for row in part.rows]} for part in self.parts]}

    def __str__(self) -> str:
        return self.markdown

    def _repr_html_(self) -> str:
        from markupsafe import Markup

        html = Markup("<h3>Focus brief: what does robustness cost?</h3><p>{}</p>").format(QUESTION)
        for part in self.parts:
            html += _part_html(part)
        return str(html + Markup("<p>{}</p>").format(READING if self.parts else NO_RUN))


def brief(store: RunStore, *, tag: str | None = None, task: str | None = None) -> Brief:
    """The focus brief of the runs in a store: what each grade cost, against what survived.

    It ranks nobody: runs of different depth stand apart by their status, and optimizers are compared only
    where both stopped at the control's depth, on the same fold and seed. It says so where the records are
    too few to decide (fewer than 3 folds or 5 seeds).

    Parameters
    ----------
    store : RunStore
        May be empty.
    tag, task : str, optional
        Only the runs with this tag, of this task.

    Returns
    -------
    Brief
        With `markdown`, and HTML in a notebook.

    Examples
    --------
    >>> brief.__name__
    'brief'
    """
    return brief_of(collect(store, tag=tag, task=task))


def brief_of(problems: Sequence[Problem]) -> Brief:
    """The brief of what `collect` or `problems_of` made of rows."""
    return Brief(tuple(_part(problem) for problem in problems))


def _part(problem: Problem) -> Part:
    return Part(
        title=problem.title[:1].upper() + problem.title[1:],
        decision=" ".join(filter(None, (decision_sentence(problem), judged_under(problem.runs)))),
        head=(*HEAD, *problem.hardest),
        rows=tuple(tuple(_row(problem, arm)) for arm in problem.arms),
        comparisons=tuple(_comparisons(problem)),
    )


def _comparisons(problem: Problem) -> Iterator[str]:
    """Those with most folds and seeds first, as many as a page has room for."""
    found = sorted(contrasts(problem), key=lambda contrast: (-contrast.recovery.n, -contrast.seeds))
    yield from (contrast.sentence() for contrast in found[:MOST_COMPARISONS])
    if len(found) > MOST_COMPARISONS:
        yield f"{len(found) - MOST_COMPARISONS} more have no more folds and seeds than these."


def _row(problem: Problem, arm: Arm) -> Iterator[str]:
    yield from (arm.grade, arm.name, arm.status, str(len(arm.runs)))
    yield ", ".join(map(str, sorted({run["fold"] for run in arm.runs})))
    yield _mean(by_fold((run["fold"], problem.depth(run)) for run in arm.runs).mean, ".2f")
    yield _mean(arm.interval("cost", "forward_equivalents").mean, ",.0f")
    yield _mean(arm.interval("cost", "seconds").mean, ",.0f")
    for label in problem.hardest:
        counts = Counter((met(run, label) or {}).get("outcome") or "not attacked" for run in arm.runs)
        yield ", ".join(f"{counts[name]} {name}" for name in sorted(counts, key=_outcome_place))


def _outcome_place(outcome: str) -> tuple[int, str]:
    order = list(MARKS)
    return order.index(outcome) if outcome in order else len(order), outcome


def _mean(value: float, form: str) -> str:
    return "–" if value != value else f"{value:{form}}"


def _part_markdown(part: Part) -> Iterator[str]:
    yield f"## {plain_markdown(part.title)}"
    yield f"**{plain_markdown(part.decision)}**"
    lines = [part.head, ["---"] * len(part.head), *part.rows]
    cells = [[cell if line == lines[1] else plain_markdown(cell) for cell in line] for line in lines]
    yield "\n".join(f"| {' | '.join(line)} |" for line in cells)
    if part.comparisons:
        yield "\n".join(f"- {plain_markdown(sentence)}" for sentence in part.comparisons)


def _part_html(part: Part) -> Any:
    from markupsafe import Markup

    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in part.head)
    rows = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in part.rows
    )
    told = Markup("").join(Markup("<li>{}</li>").format(sentence) for sentence in part.comparisons)
    return Markup(
        "<h4>{}</h4><p><b>{}</b></p><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table><ul>{}</ul>"
    ).format(part.title, part.decision, head, rows, told)


def plain_markdown(text: str) -> str:
    r"""Text that Markdown shows as it is: no table, link, tag or emphasis comes of it.

    Examples
    --------
    >>> print(plain_markdown("a|b <i> [x](y)"))
    a\|b \<i\> \[x\](y)
    >>> print(plain_markdown("+0.02 [-0.01, +0.05]"))
    +0.02 [-0.01, +0.05]
    """
    # A bracket before a number is an interval's; no link's name begins so and is closed by "](".
    return re.sub(r"([\\`*<>|&~]|\[(?![-+\d])|\](?=[(\[:]))", r"\\\1", " ".join(text.split()))
