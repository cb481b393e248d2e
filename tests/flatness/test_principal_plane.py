"""The principal plane is the one that the models are least far off, in squares."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness import principal_plane, surface
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import Formula, ragged_batches, tiny_gpt2, tiny_llama, trained_llama
from .test_trajectory import at, bowl, moved


@pytest.fixture
def loss():
    return TokenMeanLoss(trained_llama(), ragged_batches())


def test_the_principal_plane_is_that_of_the_singular_vectors():
    places = np.array([[3.0, 0.1, 0.0, 0.2], [2.0, -1.0, 0.3, 0.0], [-1.0, 2.0, 0.0, 0.4]])
    loss, models = Formula(bowl, (1.0, 1.0, 1.0, 1.0)), [at(*(1.0 + place)) for place in places]
    plane = principal_plane(loss, models)
    _, sizes, rows = np.linalg.svd(places)
    unit = np.linalg.norm(places, axis=1).max()
    for direction, row in zip((plane.first, plane.second), rows, strict=False):
        direction = direction[0].numpy()
        assert np.linalg.norm(direction) == pytest.approx(unit, rel=1e-12)
        assert abs(direction @ row) == pytest.approx(unit, rel=1e-12)
    explained = sizes**2 / (sizes**2).sum()
    assert plane.words == (
        f"principal plane of 3 models, {explained[0]:.1%} + {explained[1]:.1%} explained, unit {unit:.3g}"
    )
    found = surface(loss, directions=plane, points=5, trajectories={"way": models})
    way = found.trajectories["way"]
    assert sum(off**2 for off in way.off) == pytest.approx(sizes[2] ** 2, rel=1e-10)
    assert found.alphas[[0, -1]].tolist() == found.betas[[0, -1]].tolist() == [-1.0, 1.0]
    assert max(np.abs([*way.alphas, *way.betas])) <= 1.0
    assert way.alphas[0] > 0.9
    assert way.betas[2] > 0.3
    assert found.words == plane.words


def test_two_models_off_one_line_lie_in_their_principal_plane(loss):
    models = [tiny_llama(1), tiny_llama(2)]
    plane = principal_plane(loss, models)
    way = surface(loss, directions=plane, points=3, trajectories={"way": models}).trajectories["way"]
    assert max(way.off) < 1e-4 * flatten(plane.first).norm()
    assert abs(flatten(plane.first) @ flatten(plane.second)) < 1e-5 * flatten(plane.first).norm() ** 2
    one, two = (float(share.rstrip("%")) for share in plane.words.split()[5:8:2])
    assert one + two == pytest.approx(100.0, abs=0.11)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda model: [model], "^models must be a list of two models at least, but 1 of them"),
        (lambda model: iter([model] * 3), "^models must be a list of two models at least, but a list_iterat"),
        (lambda model: [model, model], "^models: they all lie on one line with the loss's model"),
        (lambda model: [moved(model, 1)] * 3, "^models: they all lie on one line"),
        (lambda model: [moved(model, 1), None], r"^models\[1\] must be a causal language model, but a None"),
        (lambda model: [moved(model, 1), tiny_gpt2()], r"^models\[1\]: .*one architecture"),
        (lambda model: [moved(model, 1), moved(model, 2, math.nan)], "^models: one of them has weights that"),
    ],
)
def test_models_of_no_principal_plane_are_refused(wrong, says, loss):
    with pytest.raises(BadInput, match=says):
        principal_plane(loss, wrong(loss.model))


def test_what_has_no_weights_to_move_has_no_principal_plane(loss):
    with pytest.raises(BadInput, match=r"^loss must be a TokenMeanLoss"):
        principal_plane(loss.model, [loss.model] * 2)
    loss.model.requires_grad_(False)
    with pytest.raises(BadInput, match=r"^loss: no parameter of the model requires gradients"):
        principal_plane(loss, [loss.model] * 2)
