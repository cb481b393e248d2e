"""The scores that every run is held against: the target's and never_learned's, taken once."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from unlearnkit.errors import MissingReference
from unlearnkit.metrics.scores import Scores, evaluate
from unlearnkit.testbeds.testbed import Testbed


@dataclass(frozen=True)
class References:
    """Scores of the target, and of never_learned where the testbed has one."""

    target: Scores
    never_learned: Scores | None

    @property
    def control(self) -> Scores:
        """never_learned's scores.

        Raises
        ------
        MissingReference
            When the testbed has no such model.
        """
        if self.never_learned is None:
            raise MissingReference(
                "the testbed has no never_learned model, so there is nothing to compare with"
            )
        return self.never_learned


_TAKEN: WeakKeyDictionary[Testbed, References] = WeakKeyDictionary()


def references(lab: Testbed) -> References:
    """The reference scores of a testbed; computed on first use, kept as long as the testbed lives."""
    if lab not in _TAKEN:
        control = evaluate(lab.never_learned, lab) if lab.has_control else None
        _TAKEN[lab] = References(evaluate(lab.model, lab), control)
    return _TAKEN[lab]
