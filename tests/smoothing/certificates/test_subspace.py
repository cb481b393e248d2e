"""Noise in a subspace: it stays there, and what is said holds there and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.displaced import flatten
from unlearnkit.smoothing import certify, spanned_by, subspace_of
from unlearnkit.smoothing.certificates.subspace import displacement


@pytest.fixture(scope="module")
def three():
    """Three vectors in seven dimensions, one nearly another."""
    source = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, 7, generator=source)
    vectors[2] = vectors[0] + 0.1 * vectors[2]
    return vectors


def test_the_basis_is_orthonormal_and_spans_the_vectors(three):
    found = spanned_by(list(three))
    assert found.dimensions == 3
    basis = found.basis.double()
    assert torch.allclose(basis @ basis.T, torch.eye(3).double(), atol=1e-6)
    assert [found.share(vector) for vector in three] == pytest.approx([1.0] * 3)
    assert list(found.singular_values) == pytest.approx(np.linalg.svd(three.numpy())[1], rel=1e-5)


def test_fewer_dimensions_are_the_leading_ones(three):
    found = spanned_by(list(three), dimensions=2)
    leading = torch.tensor(np.linalg.svd(three.double().numpy())[2][:2])
    assert torch.allclose(found.basis.double().T @ found.basis.double(), leading.T @ leading, atol=1e-5)
    within = sum(found.share(v) * float(v.square().sum()) for v in three)
    assert within == pytest.approx(sum(value**2 for value in found.singular_values), rel=1e-5)


def test_a_vector_twice_and_none_at_all_are_no_new_dimensions(three):
    assert spanned_by([three[0], 2 * three[0], torch.zeros(7)]).dimensions == 1


def test_parts_within_and_without_are_told_apart():
    plane = spanned_by([torch.tensor([3.0, 0, 0, 0]), torch.tensor([1.0, 1.0, 0, 0])])
    moved = torch.tensor([1.0, 2.0, 2.0, 0.0])
    assert plane.share(moved) == pytest.approx(5 / 9)
    assert float(plane.coordinates(moved).norm()) == pytest.approx(math.sqrt(5))
    assert torch.allclose(plane.point(plane.coordinates(moved)), torch.tensor([1.0, 2.0, 0, 0]), atol=1e-6)
    assert plane.share(torch.zeros(4)) == 1.0


def test_the_noise_is_standard_normal_within_and_nothing_without(three):
    found, weights = spanned_by(list(three)), [torch.zeros(3), torch.zeros(2, 2)]
    drawn = torch.stack([flatten(found.draw(weights, 0, sample)) for sample in range(3000)]).double()
    coordinates = drawn @ found.basis.double().T
    assert torch.allclose(coordinates @ found.basis.double(), drawn, atol=1e-5)
    assert float(coordinates.mean(dim=0).abs().max()) < 4 / math.sqrt(3000)
    assert float((torch.cov(coordinates.T) - torch.eye(3)).abs().max()) < 4 * math.sqrt(2 / 3000)


def test_the_models_of_a_trajectory_span_their_displacements(toy, make_llama):
    checkpoints = [make_llama(seed) for seed in (1, 2)]
    found = subspace_of(checkpoints, toy.model)
    assert found.dimensions == 2
    assert found.size == sum(weight.numel() for weight in toy.model.parameters())
    for model in checkpoints:
        assert found.share(displacement(model, toy.model)) == pytest.approx(1.0)
    assert found.share(displacement(make_llama(9), toy.model)) < 0.9
    assert "Subspace of 2 in" in repr(found)
    assert "share of squares" in found._repr_html_()
    assert found.to_dict()["key"] == found.key != subspace_of(checkpoints[:1], toy.model).key


def test_a_displacement_is_exact_and_changes_nothing(toy, make_llama, fingerprint):
    other, before = make_llama(3), fingerprint(toy.model)
    moved = displacement(other, toy.model)
    pairs = zip(other.parameters(), toy.model.parameters(), strict=True)
    assert moved.dtype == torch.float64
    assert torch.equal(moved, torch.cat([(a.double() - b.double()).detach().flatten() for a, b in pairs]))
    assert fingerprint(toy.model) == before


def test_a_certificate_in_a_subspace_moves_weights_within_it_only(toy, make_llama):
    within = subspace_of([make_llama(1), make_llama(2)], toy.model)
    origin, places = flatten(list(toy.model.parameters())).detach().clone(), []

    def look(module, *_):
        places.append(flatten(list(module.parameters())).detach() - origin)

    hook = toy.model.register_forward_pre_hook(look)
    found = certify(toy.model, toy, sigma=2.0, samples=6, retain_facts=2, subspace=within)
    hook.remove()
    assert not places[0].any()  # asked without noise first
    assert [within.share(place) for place in places[1:]] == pytest.approx([1.0] * 6, abs=1e-4)
    lengths = [float(place.norm()) for place in places[1:]]
    assert 0.5 < np.mean(lengths) / (2.0 * math.sqrt(math.pi / 2)) < 1.6  # of two coordinates, not of all
    assert (found.dimensions, found.subspace) == (2, within.key)
    assert "subspace of 2 dimensions, and no displacement that leaves it" in found.words


def test_a_subspace_lets_sigma_be_larger(lab):
    """Noise of one length, spread over few dimensions or all: sigma is larger by the root of their ratio."""
    within = subspace_of([lab.never_learned], lab.model)
    few = {"samples": 12, "alpha": 0.01, "forget_facts": 8, "retain_facts": 8}
    found = certify(lab.never_learned, lab, sigma=1.0, subspace=within, **few)
    assert found.model.works
    assert found.model.radii().min() > 0.4
    whole = certify(lab.never_learned, lab, sigma=1.0, **few)
    assert whole.abstained


def test_a_basis_is_hashed_once(monkeypatch):
    from unlearnkit.smoothing.certificates import subspace as room

    one, other = (spanned_by([torch.eye(3)[place]]) for place in range(2))
    asked, sha256 = [], room.hashlib.sha256
    monkeypatch.setattr(room.hashlib, "sha256", lambda given: asked.append(1) or sha256(given))
    assert one.key == one.key == one.to_dict()["key"]
    assert one.key != other.key
    assert len(asked) == 2


def test_what_differences_span_can_be_made_from_outside(lab):
    moved = uk.smoothing.displacement(lab.never_learned, lab.model)
    both = uk.smoothing.spanned_by([moved, torch.ones_like(moved)])
    assert both.share(moved) == pytest.approx(1.0, abs=1e-6)
    assert "displacement" in uk.smoothing.__all__
