"""Zeroth order: losses at nearby weights, and no gradient."""

from unlearnkit.optim.entry import PAPER, Entry
from unlearnkit.optim.zeroth_order.adazo import AdaZO
from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.optim.zeroth_order.forward_difference import forward_difference
from unlearnkit.optim.zeroth_order.resolution import LostInRounding
from unlearnkit.optim.zeroth_order.two_point import two_point
from unlearnkit.optim.zeroth_order.zeroth_order import ZerothOrder
from unlearnkit.optim.zeroth_order.zo_adamm import ZOAdaMM
from unlearnkit.optim.zeroth_order.zo_sgd import ZOSGD
from unlearnkit.optim.zeroth_order.zo_signsgd import ZOSignSGD

ENTRIES = (
    Entry("zo_sgd", "zeroth order", 32, "loss", 8, 0, "Spall 1992; Malladi et al. 2023 (2305.17333)", ZOSGD),
    Entry("zo_signsgd", "zeroth order", 1, "loss", 8, 0, "Liu et al. 2019 (ICLR)", ZOSignSGD),
    Entry("zo_adamm", "zeroth order", 32, "loss", 8, 12, "Chen et al. 2019 (1910.06513)", ZOAdaMM),
    Entry("adazo", "zeroth order", 32, "loss", 8, 8, f"Shu et al. 2025 (2502.01014), as {PAPER} uses it",
          AdaZO),
)  # fmt: skip

__all__ = [
    "ZOSGD",
    "AdaZO",
    "Directions",
    "LostInRounding",
    "ZOAdaMM",
    "ZOSignSGD",
    "ZerothOrder",
    "forward_difference",
    "two_point",
]
