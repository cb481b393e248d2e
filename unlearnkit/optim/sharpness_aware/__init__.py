"""Sharpness-aware: the gradient where it is worst nearby, or on average over noise."""

from functools import partial

from unlearnkit.optim.entry import Entry
from unlearnkit.optim.sharpness_aware.asam import ASAM
from unlearnkit.optim.sharpness_aware.randomized_smoothing import RandomizedSmoothing
from unlearnkit.optim.sharpness_aware.sam import SAM

FAN = "Fan et al. 2025 (2502.05374)"

ENTRIES = (
    Entry("sam", "sharpness-aware", 32, "loss", 6, 8, "Foret et al. 2021 (2010.01412), Alg. 1", SAM),
    Entry("asam", "sharpness-aware", 32, "loss", 6, 8, "Kwon et al. 2021 (2102.11600), Alg. 1", ASAM),
    Entry("randomized_smoothing", "sharpness-aware", 32, "loss", 9, 8,
          "Duchi et al. 2012 (1103.4296)", RandomizedSmoothing),
    Entry("sam_forget", "sharpness-aware", 32, "loss", 4.5, 8, f"{FAN}: SAM on the forget term",
          partial(SAM, on="forget")),
    Entry("asam_forget", "sharpness-aware", 32, "loss", 4.5, 8, f"ASAM on the forget term, after {FAN}",
          partial(ASAM, on="forget")),
    Entry("randomized_smoothing_forget", "sharpness-aware", 32, "loss", 6, 8,
          f"{FAN}: smoothing of the forget term", partial(RandomizedSmoothing, on="forget")),
)  # fmt: skip

__all__ = ["ASAM", "SAM", "RandomizedSmoothing"]
