"""Zeroth order: losses at nearby weights, and no gradient."""

from unlearnkit.optim.entry import PAPER, Entry
from unlearnkit.optim.zeroth_order.adazo import AdaZO
from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.optim.zeroth_order.two_point import two_point

ENTRIES = (
    Entry("adazo", "zeroth order", 32, "loss", 8, 8, f"Shu et al. 2025 (2502.01014), as {PAPER} uses it",
          AdaZO),
)  # fmt: skip

__all__ = ["AdaZO", "Directions", "two_point"]
