"""What smoothing does to a loss: along a line, over radii, and how its gradient is estimated."""

from unlearnkit.reports.smoothing.certificates import (
    along_attack_figure,
    along_attack_sentence,
    certified_radius_figure,
    certified_radius_sentence,
)
from unlearnkit.reports.smoothing.cosines import cosine_figure, cosine_sentence
from unlearnkit.reports.smoothing.gaps import gap_figure, gap_sentence
from unlearnkit.reports.smoothing.lines import line_figure, line_sentence
from unlearnkit.reports.smoothing.variances import variance_figure, variance_sentence

__all__ = [
    "along_attack_figure",
    "along_attack_sentence",
    "certified_radius_figure",
    "certified_radius_sentence",
    "cosine_figure",
    "cosine_sentence",
    "gap_figure",
    "gap_sentence",
    "line_figure",
    "line_sentence",
    "variance_figure",
    "variance_sentence",
]
