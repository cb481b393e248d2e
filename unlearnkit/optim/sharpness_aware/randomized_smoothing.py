"""First-order randomized smoothing: the mean gradient over noise in the weights.

    g = (1/n) sum_i grad L(theta + sigma z_i),    z_i ~ N(0, I)

It is unbiased for the gradient of the smoothed loss E L(theta + sigma z) (Duchi, Bartlett, Wainwright,
1103.4296), the one that two-point estimates over Gaussian directions of this radius aim at, too; but a sample
is a whole gradient here, where one of theirs carries a cosine of sqrt(1 / d). arXiv 2510.00761 calls it RS,
after Fan et al. (2502.05374), who take n = 3 and sigma = 1e-4 a weight, on the forget term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.optim.sharpness_aware.nearby import ByWeight, NearbyGradient, added
from unlearnkit.randomness import generator


class RandomizedSmoothing(NearbyGradient):
    """Step along the mean of gradients at noisy weights.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have its own `lr`, `sigma` and options of the rule.
    lr : float
        The rule's learning rate.
    n_samples : int
        Gradients a step, each with noise of its own.
    sigma : float
        The noise's standard deviation, a weight. 0 leaves the rule as it is, at n_samples times the cost.
    antithetic : bool
        Samples come in pairs of noise z and -z, and what is linear in the noise cancels out: for a
        quadratic the mean is the gradient itself. n_samples must be even.
    on : {"loss", "forget"}
        "loss": all of it. "forget": the forget term alone, as Fan et al. do:
        mean of g_forget(theta + sigma z_i), + g_retain(theta).
    base : str
        The rule that moves the weights: a name of the catalogue that takes gradients.
    base_options : mapping, optional
        Its options, apart from the rate.
    max_grad_norm : float or None
        The gradient that the rule gets is scaled down to this L2 norm.
    seed : int
        Decides the noise.

    Raises
    ------
    BadInput
        For options out of range, and for a rule that needs losses itself.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> rs = RandomizedSmoothing([w], lr=0.1, n_samples=2, antithetic=True, sigma=0.5, base="sgd",
    ...                          max_grad_norm=None)
    >>> loss = rs.step(lambda: w.square().sum())
    >>> w.tolist()
    [2.40, -3.20]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        n_samples: int = 3,
        sigma: float = 1e-4,
        antithetic: bool = False,
        on: str = "loss",
        base: str = "adam",
        base_options: Mapping[str, Any] | None = None,
        max_grad_norm: float | None = 1.0,
        seed: int = 0,
    ) -> None:
        require_one_of("antithetic", antithetic, (True, False))
        require_integer("n_samples", n_samples, minimum=1)
        require_integer("seed", seed)
        if antithetic and n_samples % 2:
            raise BadInput(f"n_samples: antithetic noise comes in pairs, so it must be even, not {n_samples}")
        self.n_samples, self.antithetic, self.seed = n_samples, antithetic, seed
        super().__init__(
            params, {"lr": lr, "sigma": sigma}, on=on, base=base, base_options=base_options,
            max_grad_norm=max_grad_norm,
        )  # fmt: skip

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate or a noise out of range."""
        super().check(options)
        require_positive("sigma", options["sigma"], zero_allowed=True)

    @property
    def looks(self) -> int:
        """As many as there are samples."""
        return self.n_samples

    def around(self, part: Callable[[], torch.Tensor], kept: ByWeight) -> tuple[torch.Tensor, ByWeight]:
        """The mean loss and the mean gradient over the noise."""
        losses, total = [], ByWeight()
        for sample in range(self.n_samples):
            self._add_noise(kept, sample)
            loss, gradient = self.look(part, sample)
            losses.append(loss)
            total = added(total, gradient)
        return torch.stack(losses).mean(), {w: g / self.n_samples for w, g in total.items()}

    def _add_noise(self, kept: ByWeight, sample: int) -> None:
        """Move every weight to theta + sigma z, of one tensor at a time."""
        draw, side = (sample // 2, 1 - 2 * (sample % 2)) if self.antithetic else (sample, 1)
        sources: dict[torch.device, torch.Generator] = {}
        for group in self.param_groups:
            for w in (weight for weight in group["params"] if weight in kept):
                if w.device not in sources:
                    sources[w.device] = generator(self.seed, "noise", self.steps_taken, draw, device=w.device)
                z = torch.randn(w.shape, generator=sources[w.device], device=w.device, dtype=w.dtype)
                torch.add(kept[w], z, alpha=side * group["sigma"], out=w)
