"""One learning rate's way through forgetting and retention: a line of the frontier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch

from unlearnkit import objectives, optim
from unlearnkit.metrics.references import References, references
from unlearnkit.metrics.scores import Scores, evaluate
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.checkpoints import Checkpoint, checkpoints
from unlearnkit.unlearning.cost import displacement
from unlearnkit.unlearning.status import DEPTH_BAND, judge

LOOKS_FROM = 8  # steps before the depth is first looked at
SHALLOW, EVERY = 0.25, 3  # of the control's depth; until then only every third look is taken
FINE_FROM = 0.6  # of the control's depth; from there points lie as close as the pace says
COARSE = 1.6  # until then a point is scored when the depth has grown by so much
ENDS_AT = 1.1 * (1 + DEPTH_BAND)  # of the control's depth: deeper is over-forgotten, if knowledge is gone
ENDS_ANYWAY_AT = 2.0
WRECKED = 0.2  # of the questions to retain; below it at two scored points in turn, nothing will come


@dataclass(frozen=True)
class Pace:
    """How often a line is looked at.

    `looks`: steps from look to look grow by this factor. `scores`: near the control's depth a point is
    scored when the depth has grown by this factor.
    """

    looks: float
    scores: float


CAREFUL, QUICK = Pace(looks=1.05, scores=1.06), Pace(looks=1.15, scores=1.25)


@dataclass(frozen=True)
class Point:
    """A run at one learning rate and length.

    Knowledge is 0 to 1, `nll_forget` nats a token, `distance_l2` the weights' distance to the target's.
    """

    steps: int
    nll_forget: float
    knowmem_forget_shown: float
    knowmem_forget_heldout: float
    knowmem_retain: float
    forward_equivalents: float
    distance_l2: float
    status: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Line:
    """All points of one learning rate, and why it ended there.

    `ended`: "over-forgotten" (knowledge gone and deeper than 1.375 times the control, or twice as deep),
    "destroyed" (under a fifth retained, twice in turn), "diverged", or "budget".
    """

    lr: float
    points: tuple[Point, ...]
    ended: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"lr": self.lr, "ended": self.ended, "points": [point.to_dict() for point in self.points]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Line:
        """Read what `to_dict` wrote."""
        return cls(content["lr"], tuple(Point(**point) for point in content["points"]), content["ended"])


def follow(
    lab: Testbed,
    objective: str,
    optimizer: str,
    *,
    lr: float,
    budget: float,
    pace: Pace = CAREFUL,
    **settings: Any,
) -> Line:
    """Run at one learning rate until it is deep, wrecked or out of budget, and score it on the way.

    Parameters
    ----------
    lab, objective, optimizer, lr
        As for `unlearn`.
    budget : float
        Forward-equivalents, see `Cost`.
    pace : Pace
    **settings
        `seed`, `batch_size`, options, as for `checkpoints`.
    """
    against = references(lab)
    options = settings.get("optimizer_options") or {}
    asked = objectives.create(objective, **(settings.get("objective_options") or {}))
    steps = looks(optimizer, budget=budget, options=options, pace=pace, passes=asked.passes)
    points: list[Point] = []
    ended, depth, skipped = "budget", 0.0, 0
    for checkpoint in checkpoints(lab, objective, optimizer=optimizer, lr=lr, at=steps, **settings):
        if checkpoint.diverged:
            return Line(lr, tuple(points), "diverged")
        if checkpoint.step < steps[-1]:
            skipped = (skipped + 1) % EVERY
            if skipped and depth < SHALLOW * against.control.nll_forget:
                continue
            depth = checkpoint.nll_forget()
            if not _is_due(depth, points, against, pace):
                continue
        points.append(_score(checkpoint, lab, against))
        ended = _verdict(points, against)
        if ended != "budget":
            break
    return Line(lr, tuple(points), ended)


def looks(
    optimizer: str, *, budget: float, options: dict[str, Any], pace: Pace = CAREFUL, passes: float = 1.0
) -> list[int]:
    """The steps at which a line is looked at, all of them ends of the optimizer's cycle.

    `passes`: forward passes over a pair of batches that the objective takes where others take one.
    """
    made = optim.create(optimizer, [torch.nn.Parameter(torch.zeros(1))], **options)
    price = getattr(made, "forward_equivalents", optim.find(optimizer).forward_equivalents)
    cycle: int = getattr(made, "cycle", 1)
    longest = max(int(budget / (price * passes)) // cycle * cycle, cycle)
    return sorted({min(step, longest) for step in _progression(cycle, longest, pace)})


def _progression(cycle: int, longest: int, pace: Pace) -> Iterator[int]:
    step = float(max(LOOKS_FROM, cycle))
    while step < longest:
        yield round(step / cycle) * cycle
        step *= pace.looks
    yield longest


def _is_due(depth: float, points: list[Point], against: References, pace: Pace) -> bool:
    """Whether the run has come far enough since the last scored point to be scored again."""
    aim = against.control.nll_forget
    since = points[-1].nll_forget if points else 0.05 * aim
    return depth >= since * (pace.scores if depth >= FINE_FROM * aim else COARSE)


def _score(checkpoint: Checkpoint, lab: Testbed, against: References) -> Point:
    scores: Scores = evaluate(checkpoint.model, lab, verbatim=False)
    return Point(
        steps=checkpoint.step,
        nll_forget=scores.nll_forget,
        knowmem_forget_shown=scores.knowmem_forget_shown,
        knowmem_forget_heldout=scores.knowmem_forget_heldout,
        knowmem_retain=scores.knowmem_retain,
        forward_equivalents=checkpoint.problem.forward_equivalents,
        distance_l2=displacement(checkpoint.model, lab.model)["distance_l2"],
        status=judge(scores, against),
    )


def _verdict(points: list[Point], against: References) -> str:
    relative = points[-1].nll_forget / against.control.nll_forget
    still_known = points[-1].status == "not reached"
    if relative > (ENDS_ANYWAY_AT if still_known else ENDS_AT):
        return "over-forgotten"
    wrecked = len(points) > 1 and all(point.knowmem_retain < WRECKED for point in points[-2:])
    return "destroyed" if wrecked else "budget"
