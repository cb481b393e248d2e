"""The facts: enough of them, true where we know better, and made by the script beside them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

from unlearnkit.metrics import normalise
from unlearnkit.testbeds.atlas.countries import HOLDOUT
from unlearnkit.testbeds.atlas.grammar import all_countries, answers_of
from unlearnkit.testbeds.atlas.relations import RELATIONS

FOLDER = Path(__file__).parents[3] / "data" / "atlas"
OPEN = {"capital", "calling_code", "numeric_code", "area_rank"}
CLOSED = {"continent", "subregion", "language", "currency", "borders"}
MADE_WITH = {"countryinfo": "1.0.1", "pycountry": "26.2.16", "babel": "2.18.0"}

# From general knowledge, not from the source: name, capital, calling code, ISO number, continent, currency.
KNOWN = [
    ("France", "Paris", "33", "250", "Europe", "euro"),
    ("Japan", "Tokyo", "81", "392", "Asia", "yen"),
    ("Kenya", "Nairobi", "254", "404", "Africa", "shilling"),
    ("Peru", "Lima", "51", "604", "America", "sol"),
    ("India", "New Delhi", "91", "356", "Asia", "rupee"),
    ("Burundi", "Gitega", "257", "108", "Africa", "franc"),
    ("Sweden", "Stockholm", "46", "752", "Europe", "krona"),
]
LARGEST = {"Russia": "1", "Canada": "2", "Brazil": "5", "Australia": "6", "India": "7", "Argentina": "8"}


@pytest.fixture(scope="module")
def table():
    """countries.csv as another library reads it."""
    return pd.read_csv(FOLDER / "countries.csv", dtype=str, keep_default_na=False)


def test_there_are_195_states_and_nine_relations(table):
    assert len(table) == len(all_countries()) == 195
    assert table["name"].is_unique
    assert table["alpha3"].is_unique
    assert {r.name for r in RELATIONS if r.open_class} == OPEN
    assert {r.name for r in RELATIONS if not r.open_class} == CLOSED


def test_what_the_package_reads_is_what_the_table_says(table):
    for line, country in zip(table.to_dict("records"), all_countries(), strict=True):
        assert (line["alpha3"], line["name"], line["half"]) == (country.code, country.name, country.half)
        assert line["fold"] == ("holdout" if country.fold == HOLDOUT else str(country.fold))
        assert dict(country.facts) == {name: line[name] for name in OPEN | CLOSED if line[name]}


@pytest.mark.parametrize(
    ("name", "capital", "calling_code", "numeric_code", "continent", "currency"), KNOWN, ids=lambda v: v
)
def test_facts_that_everybody_knows(name, capital, calling_code, numeric_code, continent, currency):
    (country,) = (c for c in all_countries() if c.name == name)
    facts = [country.fact(r) for r in ("capital", "calling_code", "numeric_code", "continent", "currency")]
    assert facts == [capital, calling_code, numeric_code, continent, currency]


def test_the_largest_states_have_their_ranks():
    ranks = {country.name: country.fact("area_rank") for country in all_countries()}
    assert {name: ranks[name] for name in LARGEST} == LARGEST


def test_pycountry_agrees_on_every_code(table):
    pycountry = pytest.importorskip("pycountry", reason="the cross-check needs pycountry: the dev extra")
    for line in table.to_dict("records"):
        found = pycountry.countries.get(alpha_3=line["alpha3"])
        assert found is not None, line["name"]
        assert found.numeric == line["numeric_code"], line["name"]


@pytest.mark.parametrize("relation", sorted(OPEN))
def test_an_open_answer_belongs_to_one_state_only(table, relation):
    counts = Counter(normalise(value) for value in table[relation] if value)
    assert {answer: count for answer, count in counts.items() if count > 1} == {}


@pytest.mark.parametrize("relation", sorted(CLOSED))
def test_a_closed_answer_is_shared_as_a_rule(table, relation):
    filled = table[table[relation] != ""]
    shared = filled.duplicated(relation, keep=False)
    assert shared.mean() > 0.5


def test_gaps_are_few_and_absent_from_the_facts(table):
    gaps = {name: int((table[name] == "").sum()) for name in OPEN | CLOSED}
    assert sum(gaps.values()) <= 25
    assert not [c.name for c in all_countries() if "" in dict(c.facts).values()]


def test_no_capital_gives_its_state_away(table):
    for line in table.to_dict("records"):
        words = {word for word in normalise(line["name"]).split() if len(word) > 3}
        assert not words & set(normalise(line["capital"]).split()), line["name"]


def test_folds_are_disjoint_and_halved(table):
    sizes = Counter(zip(table["fold"], table["half"], strict=True))
    halves = {(str(fold), half): 12 for fold in range(7) for half in ("shown", "heldout")}
    assert dict(sizes) == {**halves, ("holdout", ""): 27}


def test_answers_are_listed_once_and_sorted(table):
    for relation in OPEN | CLOSED:
        assert list(answers_of(relation)) == sorted(set(table[relation]) - {""})


def test_the_script_makes_the_same_file(tmp_path, monkeypatch):
    for package, version in MADE_WITH.items():
        pytest.importorskip(package, reason=f"the script needs {package} {version}: the dev extra")
        if metadata.version(package) != version:
            pytest.skip(f"{package} {metadata.version(package)} may give other facts than {version}")
    spec = importlib.util.spec_from_file_location("regenerate", FOLDER / "regenerate.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "HERE", tmp_path)
    script.main()
    assert (tmp_path / "countries.csv").read_bytes() == (FOLDER / "countries.csv").read_bytes()
