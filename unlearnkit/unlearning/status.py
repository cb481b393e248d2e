"""What became of a run, in one word."""

from __future__ import annotations

from unlearnkit.metrics.references import References
from unlearnkit.metrics.scores import Scores

RETAIN_FLOOR = 0.8  # of the target's retained knowledge; below it the model is destroyed
KNOWLEDGE_MARGIN = 0.05  # above never_learned's knowledge that still counts as forgotten
DEPTH_BAND = 0.25  # of never_learned's nll_forget, to either side

STATUSES = ("no control", "diverged", "destroyed", "not reached", "over-forgotten", "forgotten")


def judge(scores: Scores, against: References, *, diverged: bool = False) -> str:
    """The status of a model after unlearning: the first of `STATUSES` that applies.

    - "no control": the testbed has no never_learned model.
    - "diverged": the loss or a weight stopped being a number.
    - "destroyed": retained knowledge below 0.8 of the target's.
    - "not reached": knowledge of the shown or held-out half more than 0.05 above never_learned's,
      or nll_forget more than 25 % below its.
    - "over-forgotten": nll_forget more than 25 % above never_learned's.
    - "forgotten": none of these.
    """
    control = against.never_learned
    if control is None:
        return "no control"
    if diverged:
        return "diverged"
    if is_destroyed(scores, against.target):
        return "destroyed"
    if not knowledge_gone(scores, control) or scores.nll_forget < (1 - DEPTH_BAND) * control.nll_forget:
        return "not reached"
    deep = scores.nll_forget > (1 + DEPTH_BAND) * control.nll_forget
    return "over-forgotten" if deep else "forgotten"


def is_destroyed(scores: Scores, target: Scores) -> bool:
    """Whether too little of what must be kept is left; NaN counts as nothing left."""
    return not scores.knowmem_retain >= RETAIN_FLOOR * target.knowmem_retain


def knowledge_gone(scores: Scores, control: Scores) -> bool:
    """Whether both halves are known no better than never_learned knows them, within the margin."""
    shown = scores.knowmem_forget_shown <= control.knowmem_forget_shown + KNOWLEDGE_MARGIN
    heldout = scores.knowmem_forget_heldout <= control.knowmem_forget_heldout + KNOWLEDGE_MARGIN
    return shown and heldout
