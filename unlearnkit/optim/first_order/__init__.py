"""First order: the gradient, in full."""

from unlearnkit.optim.entry import Entry
from unlearnkit.optim.first_order.muon import Muon
from unlearnkit.optim.first_order.torch_own import SGD, Adam, AdamW

ENTRIES = (
    Entry("sgd", "first order", 32, False, 3, 0, "Robbins and Monro 1951; torch.optim.SGD", SGD),
    Entry("adam", "first order", 32, False, 3, 8, "Kingma and Ba 2015 (1412.6980); torch.optim.Adam", Adam),
    Entry("adamw", "first order", 32, False, 3, 8,
          "Loshchilov and Hutter 2019 (1711.05101); torch.optim.AdamW", AdamW),
    Entry("muon", "first order", 32, False, 3, 4,
          "Jordan et al. 2024; torch.optim.Muon for matrices, AdamW (8 bytes of state) for the rest", Muon),
)  # fmt: skip

__all__ = ["SGD", "Adam", "AdamW", "Muon"]
