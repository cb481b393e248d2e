"""How flat is it here? Exact curvature, sharpness, surfaces and ways between models."""

from unlearnkit.flatness import pyhessian
from unlearnkit.flatness.connectivity import Connectivity, connectivity
from unlearnkit.flatness.directions import Plane, random_direction
from unlearnkit.flatness.eigenvalues import Eigenvalues, top_eigenvalues
from unlearnkit.flatness.estimate import Estimate
from unlearnkit.flatness.gauss_newton import GaussNewton, gauss_newton_vector_product
from unlearnkit.flatness.hessian import Hessian, hessian_vector_product
from unlearnkit.flatness.principal_plane import principal_plane
from unlearnkit.flatness.sharpness import Sharpness, sharpness
from unlearnkit.flatness.spectrum import Density, Spectrum, spectrum
from unlearnkit.flatness.surface import Surface, surface
from unlearnkit.flatness.trace import trace
from unlearnkit.flatness.trajectory import Trajectory

__all__ = [
    "Connectivity",
    "Density",
    "Eigenvalues",
    "Estimate",
    "GaussNewton",
    "Hessian",
    "Plane",
    "Sharpness",
    "Spectrum",
    "Surface",
    "Trajectory",
    "connectivity",
    "gauss_newton_vector_product",
    "hessian_vector_product",
    "principal_plane",
    "pyhessian",
    "random_direction",
    "sharpness",
    "spectrum",
    "surface",
    "top_eigenvalues",
    "trace",
]
