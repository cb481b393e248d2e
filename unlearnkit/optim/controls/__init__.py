"""Controls: steps like another optimizer's, with what makes it special taken away."""

from unlearnkit.optim.controls.noise_matched import NoiseMatched, RandomWalk
from unlearnkit.optim.entry import Entry

ENTRIES = (
    Entry("noise_matched", "control", 32, False, 3, 8, "the gradient with AdaZO's noise", NoiseMatched),
    Entry("random_walk", "control", 32, False, 3, 8, "AdaZO's steps without the loss", RandomWalk),
)

__all__ = ["NoiseMatched", "RandomWalk"]
