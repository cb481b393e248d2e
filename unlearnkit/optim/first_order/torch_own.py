"""SGD, Adam and AdamW: torch's own, which also say that they need no closure, and refuse a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.optim.checked import Checked, check_betas
from unlearnkit.optim.closures import checked


class _Options(Checked):
    """torch looks at the options of its constructor; those of a group must make sense, too."""

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for an option out of range; eps = 0 makes 0 / 0 of a gradient of zero."""
        super().check(options)
        for name in ("momentum", "dampening", "weight_decay"):
            require_positive(name, options.get(name, 0), zero_allowed=True)
        require_positive("eps", options.get("eps", 1))
        check_betas(options.get("betas", (0, 0)))


class SGD(_Options, torch.optim.SGD):
    """torch.optim.SGD, unchanged (Robbins and Monro 1951)."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Torch's step; raises WrongClosure for a closure that calls no backward."""
        return super().step(checked(closure, self))


class Adam(_Options, torch.optim.Adam):
    """torch.optim.Adam, unchanged (Kingma and Ba 2015, 1412.6980)."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Torch's step; raises WrongClosure for a closure that calls no backward."""
        return super().step(checked(closure, self))


class AdamW(_Options, torch.optim.AdamW):
    """torch.optim.AdamW, unchanged (Loshchilov and Hutter 2019, 1711.05101)."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Torch's step; raises WrongClosure for a closure that calls no backward."""
        return super().step(checked(closure, self))
