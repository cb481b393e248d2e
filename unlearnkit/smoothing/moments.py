"""Mean and variance of what comes one by one, coordinate by coordinate."""

from __future__ import annotations

import torch


class Moments:
    """Running mean and variance (Welford 1962): no sample is kept.

    Attributes
    ----------
    count : int
    mean : Tensor
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self._squares = torch.zeros(())

    def add(self, sample: torch.Tensor) -> None:
        """Take in a sample."""
        if not self.count:
            self.mean, self._squares = torch.zeros_like(sample), torch.zeros_like(sample)
        self.count += 1
        ahead = sample - self.mean
        self.mean = self.mean + ahead / self.count
        self._squares = self._squares + ahead * (sample - self.mean)

    @property
    def variance(self) -> torch.Tensor:
        """Of a single sample, unbiased; of at least two."""
        return self._squares / (self.count - 1)
