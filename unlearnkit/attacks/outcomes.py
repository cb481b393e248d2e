"""What an attack did to a run: survived, recovered, or nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unlearnkit.metrics.scores import Scores
from unlearnkit.unlearning.status import is_destroyed

RECOVERY_MARGIN = 0.10  # beyond never_learned under the same attack, shown and held out alike
OUTCOMES = ("destroyed", "not applicable", "no power", "survived", "recovered")


def recovery(attacked: Scores, control: Scores) -> dict[str, float]:
    """Knowledge beyond never_learned's under the same attack: "shown" and "heldout".

    The control learns the shown facts too, from being shown them; only what goes beyond that was
    still there.
    """
    return {
        "shown": attacked.knowmem_forget_shown - control.knowmem_forget_shown,
        "heldout": attacked.knowmem_forget_heldout - control.knowmem_forget_heldout,
    }


def outcome(
    status: str,
    attacked: Scores,
    *,
    target: Scores,
    recoveries: Sequence[Mapping[str, float]],
    has_power: bool,
    margin: float = RECOVERY_MARGIN,
) -> str:
    """The outcome of one attack on one run: the first that applies.

    - "destroyed": the run is, or what must be kept is gone after the attack.
    - "not applicable": nothing was forgotten to begin with, or there is no control.
    - "no power": the attack was not seen to break a planted fragile model, so surviving it says
      nothing.
    - "survived": recovery of shown and of held-out facts at most `margin` at every budget.
    - "recovered": none of these.

    Parameters
    ----------
    status : str
        The run's, before the attack.
    attacked : Scores
        After this attack.
    target : Scores
        The target's, before any attack.
    recoveries : sequence of mapping
        What `recovery` says for every budget of this attack.
    has_power : bool
        Whether the attack broke the planted model.
    margin : float
        How much recovery still counts as none, 0 to 1.
    """
    if status in ("diverged", "destroyed"):
        return "destroyed"
    if status in ("not reached", "no control"):
        return "not applicable"
    if is_destroyed(attacked, target):
        return "destroyed"
    if not has_power:
        return "no power"
    highest = max(max(at_budget.values()) for at_budget in recoveries)
    return "survived" if highest <= margin else "recovered"
