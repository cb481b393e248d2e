"""SGD, Adam and AdamW: torch's own, which only say in addition that they need no closure."""

from __future__ import annotations

import torch


class SGD(torch.optim.SGD):
    """torch.optim.SGD, unchanged (Robbins and Monro 1951)."""

    needs_closure = False


class Adam(torch.optim.Adam):
    """torch.optim.Adam, unchanged (Kingma and Ba 2015, 1412.6980)."""

    needs_closure = False


class AdamW(torch.optim.AdamW):
    """torch.optim.AdamW, unchanged (Loshchilov and Hutter 2019, 1711.05101)."""

    needs_closure = False
