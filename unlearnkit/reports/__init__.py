"""Figures, each with its twin in words."""

from unlearnkit.reports.certified import certified_figure, certified_sentence, smoothing_answer_sentence
from unlearnkit.reports.flatness import flatness_figure, flatness_sentence
from unlearnkit.reports.flatness_answer import flatness_answer_sentence
from unlearnkit.reports.focus_brief import Brief, brief
from unlearnkit.reports.frontier import frontier_figure, frontier_frame, frontier_sentence
from unlearnkit.reports.landscape import (
    eigenvalue_figure,
    eigenvalue_sentence,
    slice_figure,
    slice_sentence,
    spectrum_figure,
    spectrum_sentence,
    surface_figure,
    surface_sentence,
    way_figure,
    way_sentence,
)
from unlearnkit.reports.page import html
from unlearnkit.reports.radius import radius_figure, radius_sentence
from unlearnkit.reports.recovery import recovery_figure, recovery_sentence
from unlearnkit.reports.step_size import step_size_answer_sentence, step_size_figure, step_size_sentence
from unlearnkit.reports.survival import survival_depth_figure, survival_depth_sentence
from unlearnkit.studies.flatness_answer import FlatnessAnswer, flatness_answer
from unlearnkit.studies.flatness_table import flatness_table
from unlearnkit.studies.radius_table import radius_answer, radius_table
from unlearnkit.studies.smoothing_answer import SmoothingAnswer, smoothing_answer
from unlearnkit.studies.smoothing_table import smoothing_table
from unlearnkit.studies.step_size import StepSizeAnswer, step_size_answer
from unlearnkit.studies.step_size_table import step_size_table
from unlearnkit.studies.sweep_table import sweep_table

__all__ = [
    "Brief",
    "FlatnessAnswer",
    "SmoothingAnswer",
    "StepSizeAnswer",
    "brief",
    "certified_figure",
    "certified_sentence",
    "eigenvalue_figure",
    "eigenvalue_sentence",
    "flatness_answer",
    "flatness_answer_sentence",
    "flatness_figure",
    "flatness_sentence",
    "flatness_table",
    "frontier_figure",
    "frontier_frame",
    "frontier_sentence",
    "html",
    "radius_answer",
    "radius_figure",
    "radius_sentence",
    "radius_table",
    "recovery_figure",
    "recovery_sentence",
    "slice_figure",
    "slice_sentence",
    "smoothing_answer",
    "smoothing_answer_sentence",
    "smoothing_table",
    "spectrum_figure",
    "spectrum_sentence",
    "step_size_answer",
    "step_size_answer_sentence",
    "step_size_figure",
    "step_size_sentence",
    "step_size_table",
    "surface_figure",
    "surface_sentence",
    "survival_depth_figure",
    "survival_depth_sentence",
    "sweep_table",
    "way_figure",
    "way_sentence",
]
