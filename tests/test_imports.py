"""The package's front door: light to import, and every name behind it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

import unlearnkit

HEAVY = ["torch", "transformers", "pandas", "plotly"]


@pytest.mark.parametrize("module", ["unlearnkit", "unlearnkit.errors", "unlearnkit.resources"])
def test_importing_loads_nothing_heavy(module):
    # in a fresh process: this one has loaded everything already
    code = f"import json, sys, {module}; dir(unlearnkit); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert module in loaded
    assert not set(HEAVY) & set(loaded)


def test_what_only_reads_records_waits_for_no_model_library():
    """`unlearnkit records`, a report, and every worker process start three seconds sooner."""
    rooms = ", ".join(f"unlearnkit.{room}" for room in ("records", "studies", "reports", "apps"))
    code = f"import json, sys, {rooms}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "unlearnkit.apps" in loaded
    assert "transformers" not in loaded


@pytest.mark.parametrize("name", unlearnkit.__all__)
def test_every_public_name_resolves(name):
    assert getattr(unlearnkit, name) is not None
    assert name in dir(unlearnkit)


def test_rooms_are_attributes():
    assert callable(unlearnkit.attacks.quantize)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'unlern'"):
        _ = unlearnkit.unlern


def test_the_version_is_the_installed_one():
    assert unlearnkit.__version__ == metadata.version("unlearnkit")
