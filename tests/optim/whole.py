"""A loss closure that also tells its parts, as the unlearning loop's does: what any optimizer may ask for."""

from __future__ import annotations

from unlearnkit.optim import LossClosure


def whole_closure(loss_of):
    """The loss, all of it in the forget term, and itself as the likelihood of one sampled label.

    The retain term is zero, but depends on the weights as a loss does.
    """
    return LossClosure(
        loss=loss_of,
        forget=loss_of,
        retain=lambda: 0 * loss_of(),
        sampled=lambda source: (loss_of(), 1),
    )
