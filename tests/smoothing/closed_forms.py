"""Functions whose smoothed selves are known, for noise of each law."""

from __future__ import annotations

import torch
from scipy import integrate, stats

from unlearnkit.smoothing import Formula

SIZE = 6
LAWS = ("gaussian", "sphere", "ball")


def mean_square(law: str, size: int = SIZE) -> float:
    """E u_i^2."""
    return {"gaussian": 1.0, "sphere": 1 / size, "ball": 1 / (size + 2)}[law]


def vector(seed: int, size: int = SIZE) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrix() -> torch.Tensor:
    drawn = vector(7, SIZE * SIZE).view(SIZE, SIZE)
    return drawn + drawn.T + 2 * torch.eye(SIZE, dtype=torch.float64)


def quadratic() -> Formula:
    """Half of w A w, plus b w."""
    a, b = matrix(), vector(1)
    return Formula(lambda w: w @ a @ w / 2 + b @ w, vector(0))


def cubic() -> Formula:
    """The sum of w_i^3."""
    return Formula(lambda w: w.pow(3).sum(), vector(0))


SLOPES, OFFSET = vector(2), -0.4


def rectified() -> Formula:
    """The positive part of x w, which is OFFSET at the weights."""
    start = SLOPES * (OFFSET / float(SLOPES @ SLOPES))
    return Formula(lambda w: (SLOPES @ w).relu(), start)


def along(law: str, sigma: float):
    """The distribution of sigma x u: normal, or a beta between its ends."""
    reach = sigma * float(SLOPES.norm())
    if law == "gaussian":
        return stats.norm(scale=reach)
    half = (SIZE - 1) / 2 if law == "sphere" else (SIZE + 1) / 2
    return stats.beta(half, half, loc=-reach, scale=2 * reach)


def smoothed_rectified(law: str, sigma: float) -> float:
    """E of the positive part, by quadrature."""
    move = along(law, sigma)
    ends = move.ppf(1e-13), move.ppf(1 - 1e-13)
    return integrate.quad(lambda t: max(0.0, OFFSET + t) * move.pdf(t), *ends, points=[-OFFSET])[0]


def gap(name: str, law: str, sigma: float) -> float:
    """f_sigma - f."""
    if name == "quadratic":
        return sigma**2 / 2 * mean_square(law) * float(matrix().trace())
    if name == "cubic":
        return 3 * sigma**2 * mean_square(law) * float(vector(0).sum())
    return smoothed_rectified(law, sigma)


def gradient(name: str, law: str, sigma: float) -> torch.Tensor:
    """Of f_sigma."""
    if name == "quadratic":
        return matrix() @ vector(0) + vector(1)
    if name == "cubic":
        return 3 * vector(0) ** 2 + 3 * sigma**2 * mean_square(law)
    return SLOPES * float(along(law, sigma).sf(-OFFSET))


FORMULAS = {"quadratic": quadratic, "cubic": cubic, "rectified": rectified}


class Stops:
    """A formula that raises at its n-th look, as an error or a Ctrl-C would."""

    def __init__(self, error: type[BaseException], at: int) -> None:
        self.formula, self.error, self.left = quadratic(), error, at
        self.weights = self.formula.weights
        self.before = [weight.detach().clone() for weight in self.weights]

    def __call__(self) -> torch.Tensor:
        self.left -= 1
        if self.left < 0:
            raise self.error("stopped")
        return self.formula()

    def restored(self) -> bool:
        return all(
            torch.equal(a.view(torch.int64), b.view(torch.int64))
            for a, b in zip((w.detach() for w in self.weights), self.before, strict=True)
        )
