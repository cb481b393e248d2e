"""SmoothingExplorer: a model under noise, from sigma to sigma."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unlearnkit.apps.parts.view import View
from unlearnkit.apps.smoothing.smoothing_view import SmoothingView


class SmoothingExplorer(View):
    """The signature first: what follows is being built.

    Parameters
    ----------
    views : SmoothingView, or dict of str to SmoothingView
        One, or several by the optimizer's name.
    theme : {"light", "dark"}
    """

    def __init__(self, views: SmoothingView | Mapping[str, SmoothingView], *, theme: str = "light") -> None:
        super().__init__([])

    @classmethod
    def of(
        cls,
        models: Any,
        lab: Any,
        *,
        attacked: Mapping[str, Mapping[str, Any]] | None = None,
        sigmas: Any = (1e-3, 3e-3, 1e-2, 3e-2),
        certify_at: Any = (0.01, 0.02),
        samples: int = 100,
        rows: int | None = 64,
        forget_facts: int | None = None,
        retain_facts: int = 60,
        points: int = 11,
        seed: int = 0,
        keep: str | Path | None = None,
        progress: bool = True,
        theme: str = "light",
    ) -> SmoothingExplorer:
        """Compute all of it for models by name, with bars, and show it.

        `choose(model=…, sigma=…, attack=…, share=…, figures=…, simultaneous=…)`, `.sentence`, `.table`,
        `.shown`, `.figures` (plotly widgets by name), as in LandscapeExplorer.
        """
        raise NotImplementedError
