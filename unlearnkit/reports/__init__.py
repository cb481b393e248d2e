"""Figures, each with its twin in words."""

from unlearnkit.reports.recovery import recovery_figure, recovery_sentence

__all__ = ["recovery_figure", "recovery_sentence"]
