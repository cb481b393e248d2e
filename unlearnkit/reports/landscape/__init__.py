"""What the loss looks like around a model: surfaces, spectrum, eigenvalues, ways to other models."""

from unlearnkit.reports.landscape.eigenvalues import eigenvalue_figure, eigenvalue_sentence
from unlearnkit.reports.landscape.slices import slice_figure, slice_sentence
from unlearnkit.reports.landscape.spectrum import spectrum_figure, spectrum_sentence
from unlearnkit.reports.landscape.surfaces import surface_figure, surface_sentence
from unlearnkit.reports.landscape.ways import way_figure, way_sentence

__all__ = [
    "eigenvalue_figure",
    "eigenvalue_sentence",
    "slice_figure",
    "slice_sentence",
    "spectrum_figure",
    "spectrum_sentence",
    "surface_figure",
    "surface_sentence",
    "way_figure",
    "way_sentence",
]
