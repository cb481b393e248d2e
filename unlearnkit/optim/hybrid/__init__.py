"""Hybrids: blocks of one optimizer and blocks of another in turn, and the controls of that schedule."""

from functools import partial

from unlearnkit.optim.entry import PAPER, Entry
from unlearnkit.optim.hybrid.hybrid import Hybrid

ENTRIES = (
    Entry("hybrid", "first and zeroth order", 32, "loss", 5.5, 16, PAPER, Hybrid),
    Entry("hybrid_noise", "control", 32, "loss", 3, 16, "matched noise for the zeroth-order blocks",
          partial(Hybrid, second="noise_matched")),
    Entry("hybrid_random", "control", 32, "loss", 3, 16, "a random walk for the zeroth-order blocks",
          partial(Hybrid, second="random_walk")),
    Entry("hybrid_rest", "control", 32, "loss", 2, 8, "nothing for the zeroth-order blocks",
          partial(Hybrid, second="nothing")),
    Entry("hybrid_first", "control", 32, "loss", 5.5, 16, "the hybrid, ending on first order",
          partial(Hybrid, ends_on="first")),
)  # fmt: skip

__all__ = ["Hybrid"]
