"""Second order: the gradient divided by an estimate of the curvature's diagonal."""

from functools import partial

from unlearnkit.optim.entry import Entry
from unlearnkit.optim.second_order.adahessian import AdaHessian
from unlearnkit.optim.second_order.gauss_newton_bartlett import gauss_newton_bartlett
from unlearnkit.optim.second_order.hutchinson import hutchinson
from unlearnkit.optim.second_order.sophia import Sophia
from unlearnkit.optim.second_order.soul_sophia import SoulSophia

ENTRIES: tuple[Entry, ...] = (
    Entry("sophia", "second order", 32, "loss", 3.4, 8, "Liu et al. 2023 (2305.14342), Sophia-H", Sophia),
    Entry("sophia_g", "second order", 32, "loss", 3.3, 8, "Liu et al. 2023 (2305.14342), Sophia-G",
          partial(Sophia, estimator="gauss_newton_bartlett")),
    Entry("adahessian", "second order", 32, "loss", 7, 8, "Yao et al. 2020 (2006.00719)", AdaHessian),
    Entry("soul_sophia", "second order", 32, False, 3, 8,
          "Jia et al. 2024 (2404.18239), as its code: squared gradients for the Hessian", SoulSophia),
)  # fmt: skip

__all__ = ["AdaHessian", "Sophia", "SoulSophia", "gauss_newton_bartlett", "hutchinson"]
