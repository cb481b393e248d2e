"""SGD, Adam and AdamW: torch's own, which also say that they need no closure, and refuse a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import checked


class SGD(Checked, torch.optim.SGD):
    """torch.optim.SGD, unchanged (Robbins and Monro 1951)."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Torch's step; raises WrongClosure for a closure that calls no backward."""
        return super().step(checked(closure, self))


class Adam(Checked, torch.optim.Adam):
    """torch.optim.Adam, unchanged (Kingma and Ba 2015, 1412.6980)."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Torch's step; raises WrongClosure for a closure that calls no backward."""
        return super().step(checked(closure, self))


class AdamW(Checked, torch.optim.AdamW):
    """torch.optim.AdamW, unchanged (Loshchilov and Hutter 2019, 1711.05101)."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Torch's step; raises WrongClosure for a closure that calls no backward."""
        return super().step(checked(closure, self))
