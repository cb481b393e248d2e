"""Min-K%: the mean of a text's least likely tokens; Min-K%++: the same after the model's own spread.

Shi et al., "Detecting Pretraining Data from Large Language Models" (2310.16789), eq. 1; Zhang et al.,
"Min-K%++" (2404.02936), eq. 2 and 3. Here with a minus sign: higher means less likely a member.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from unlearnkit.errors import BadInput, require_fraction
from unlearnkit.metrics.token_statistics import TokenStatistics

K = 0.4  # MUSE's and open-unlearning's
LEAST_VARIANCE = 1e-6  # open-unlearning's, nats squared: a certain prediction is not divided by 0


def min_k(log_probs: Sequence[float], k: float = K, *, floor: int = 0) -> float:
    """Minus the mean of the int(k · n) lowest of n log-probabilities, in nats: higher, less likely a member.

    Parameters
    ----------
    log_probs : sequence of float
        Of a text's tokens, in nats, in any order.
    k : float
        The share that counts, above 0, at most 1.
    floor : {0, 1}
        The least number of tokens to take: 1 as in open-unlearning, 0 as in muse_bench.

    Raises
    ------
    BadInput
        When no token is left to average: muse_bench makes NaN of such a text, and an AUC of that.

    Examples
    --------
    >>> min_k([-1.0, -5.0, -3.0, -2.0, -4.0])
    4.5
    >>> min_k([-1.0, -5.0], floor=1)
    5.0
    """
    require_fraction("k", k, one_allowed=True)
    taken = max(floor, int(len(log_probs) * k))
    if not 0 < taken <= len(log_probs):
        raise BadInput(
            f"min_k: int({k} · {len(log_probs)}) = 0 of {len(log_probs)} tokens are a text's lowest {k:.0%}, "
            "so it has no score (muse_bench writes NaN); leave it out or take floor=1"
        )
    return -math.fsum(sorted(log_probs)[:taken]) / taken


def min_k_plus_plus(statistics: TokenStatistics, k: float = K, *, floor: int = 0) -> float:
    """`min_k` of (log p − mean) / standard deviation, both under the model's own prediction; no unit.

    Higher means less likely a member.

    Examples
    --------
    >>> min_k_plus_plus(TokenStatistics((-3.0, -1.0), (-1.0, -1.0), (4.0, 4.0)), 0.5)
    1.0
    """
    triples = zip(statistics.log_probs, statistics.means, statistics.variances, strict=True)
    return min_k(
        [(lp - mean) / math.sqrt(max(var, LEAST_VARIANCE)) for lp, mean, var in triples], k, floor=floor
    )
