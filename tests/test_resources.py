"""data/ and notebooks/ are found beside the package in a checkout; test_wheel.py looks inside a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearnkit import resources
from unlearnkit.errors import MissingReference
from unlearnkit.resources import data_path, notebooks_path

ROOT = Path(__file__).parent.parent


def test_a_checkout_has_its_files_beside_the_package():
    assert data_path("atlas", "countries.csv") == ROOT / "data" / "atlas" / "countries.csv"
    assert data_path() == ROOT / "data"
    assert notebooks_path() == ROOT / "notebooks"


def test_a_wheel_has_them_inside(tmp_path, monkeypatch):
    inside = tmp_path / "unlearnkit" / "_shipped" / "data"
    inside.mkdir(parents=True)
    (tmp_path / "data").mkdir()  # somebody else's folder, beside the installed package
    monkeypatch.setattr(resources.resources, "files", lambda package: tmp_path / package)
    assert data_path() == inside


def test_a_missing_file_is_named_with_the_way_out():
    with pytest.raises(MissingReference, match=r"^data/atlas/moon\.csv .*Install unlearnkit again"):
        data_path("atlas", "moon.csv")
