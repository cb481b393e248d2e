"""The landscape view: the loss around a model from every side, with paths, slices and eigenvalues."""

from unlearnkit.apps.landscape.explorer import LandscapeExplorer

__all__ = ["LandscapeExplorer"]
