"""torch's convention for closures that compute gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def run_closure(closure: Callable[[], Any] | None) -> Any:
    """Call an optional first-order closure with gradients on, and return its loss."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
