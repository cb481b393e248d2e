"""Does the grade of the optimizer decide whether LLM unlearning survives? A laboratory to test it.

>>> import unlearnkit as uk
>>> "load_testbed" in dir(uk)
True

Importing this package loads nothing heavy: torch, transformers, pandas and plotly come in with the first
name that needs them (PEP 562).
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unlearnkit import (
        apps,
        attacks,
        flatness,
        losses,
        metrics,
        objectives,
        optim,
        records,
        reports,
        smoothing,
        studies,
        testbeds,
        unlearning,
    )
    from unlearnkit.errors import UnlearnkitError
    from unlearnkit.precision import true_double
    from unlearnkit.testbeds import load_testbed
    from unlearnkit.token_mean_loss import TokenMeanLoss
    from unlearnkit.unlearning import Run, load_run, unlearn

# Where each public name lives. A new one is added here, to __all__, and to the block above for type checkers.
_HOMES = {
    "TokenMeanLoss": "unlearnkit.token_mean_loss",
    "Run": "unlearnkit.unlearning",
    "UnlearnkitError": "unlearnkit.errors",
    "load_run": "unlearnkit.unlearning",
    "load_testbed": "unlearnkit.testbeds",
    "true_double": "unlearnkit.precision",
    "unlearn": "unlearnkit.unlearning",
}

__all__ = [
    "Run",
    "TokenMeanLoss",
    "UnlearnkitError",
    "__version__",
    "apps",
    "attacks",
    "flatness",
    "load_run",
    "load_testbed",
    "losses",
    "metrics",
    "objectives",
    "optim",
    "records",
    "reports",
    "smoothing",
    "studies",
    "testbeds",
    "true_double",
    "unlearn",
    "unlearning",
]

try:
    __version__ = metadata.version("unlearnkit")
except metadata.PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    """Load a public name or a room when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name)
    value = getattr(import_module(home), name) if home else import_module(f"{__name__}.{name}")
    globals()[name] = value  # asked once: the next access finds it without this function
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
