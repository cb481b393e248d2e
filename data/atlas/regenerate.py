"""Make data/atlas/countries.csv again from countryinfo, cross-checked with pycountry and CLDR.

    python -m pip install countryinfo==1.0.1 pycountry==26.2.16 babel==2.18.0
    python data/atlas/regenerate.py            # rewrites countries.csv, prints every gap and correction

Every rule that decides a value stands in this file; README.md in this folder is the data card.
"""

from __future__ import annotations

import csv
import json
import random
import re
from pathlib import Path
from typing import Any

import countryinfo
import pycountry
from babel.languages import get_official_languages

HERE = Path(__file__).parent
SEED = 2510
FOLDS, FOLD_SIZE = 7, 24

# The states: the 193 members of the United Nations and its two observer states (October 2025).
STATES = """
AFG AGO ALB AND ARE ARG ARM ATG AUS AUT AZE BDI BEL BEN BFA BGD BGR BHR BHS BIH BLR BLZ BOL BRA BRB
BRN BTN BWA CAF CAN CHE CHL CHN CIV CMR COD COG COL COM CPV CRI CUB CYP CZE DEU DJI DMA DNK DOM DZA
ECU EGY ERI ESP EST ETH FIN FJI FRA FSM GAB GBR GEO GHA GIN GMB GNB GNQ GRC GRD GTM GUY HND HRV HTI
HUN IDN IND IRL IRN IRQ ISL ISR ITA JAM JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA
LIE LKA LSO LTU LUX LVA MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MOZ MRT MUS MWI MYS NAM
NER NGA NIC NLD NOR NPL NRU NZL OMN PAK PAN PER PHL PLW PNG POL PRK PRT PRY PSE QAT ROU RUS RWA SAU
SDN SEN SGP SLB SLE SLV SMR SOM SRB SSD STP SUR SVK SVN SWE SWZ SYC SYR TCD TGO THA TJK TKM TLS TON
TTO TUN TUR TUV TZA UGA UKR URY USA UZB VAT VCT VEN VNM VUT WSM YEM ZAF ZMB ZWE
""".split()

# ISO's inverted or formal names, as a sentence would have them.
NAMES = {
    "BRN": "Brunei", "COD": "Democratic Republic of the Congo", "COG": "Republic of the Congo",
    "CIV": "Ivory Coast", "FSM": "Federated States of Micronesia", "PRK": "North Korea", "KOR": "South Korea",
    "PSE": "Palestine", "RUS": "Russia", "STP": "Sao Tome and Principe", "SYR": "Syria",
    "TUR": "Turkey", "VAT": "Vatican City", "TLS": "East Timor", "CPV": "Cape Verde",
}  # fmt: skip
WITH_ARTICLE = set("ARE BHS CAF COD COG COM DOM FSM GBR GMB MDV MHL NLD PHL SLB SYC USA".split())

# Where the source is out of date or wrong; each line says why.
CORRECTIONS: dict[str, dict[str, Any]] = {
    "BDI": {"capital": "Gitega"},  # moved from Bujumbura in 2019
    "BGR": {"currencies": ["EUR"]},  # since 2026
    "HRV": {"currencies": ["EUR"]},  # since 2023
    "KAZ": {"capital": "Astana"},  # renamed back in 2022
    "VAT": {"capital": "Vatican City"},  # stored as a list
    "SRB": {"area": 77_474, "languages": ["sr"]},  # Slovakia's area; "rs" is no language code
    "PHL": {"area": 300_000},  # the source counts water; CIA World Factbook 2015 (public domain)
}
LANGUAGE_NAMES = {"el": "Greek", "km": "Khmer", "ky": "Kyrgyz", "ps": "Pashto"}
FUND_CODES = {"BOV", "CHE", "CHW", "CLF", "COU", "CUC", "MXV", "USN", "USS", "UYI"}  # not cash
REGIONS = {"Americas": "America", "Australia and New Zealand": "Australasia"}  # the latter names states
CURRENCY_UNITS = {  # where the last word of ISO 4217's name is not the unit
    "CNY": "yuan", "GBP": "pound", "NIO": "cordoba", "OMR": "rial", "TOP": "paanga", "UYU": "peso",
    "VED": "bolivar", "VES": "bolivar", "XAF": "franc", "XOF": "franc",
}  # fmt: skip

COLUMNS = ["alpha3", "name", "article", "fold", "half", "capital", "calling_code", "numeric_code",
           "area_rank", "continent", "subregion", "language", "currency", "borders", "area_km2"]  # fmt: skip


def load_source() -> dict[str, dict[str, Any]]:
    """Read countryinfo's files by alpha-3 code, with the corrections applied."""
    folder = Path(countryinfo.__file__).parent / "data"
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(entry, dict) and "ISO" in entry:
            entries.setdefault(entry["ISO"]["alpha3"], entry)
    return {code: entries[code] | CORRECTIONS.get(code, {}) for code in STATES}


def state_name(code: str) -> str:
    """The short English name: ISO's common name, else its name, else the table above."""
    country = pycountry.countries.get(alpha_3=code)
    return NAMES.get(code) or getattr(country, "common_name", country.name).split(",")[0]


def capital(entry: dict[str, Any], name: str) -> str:
    """The capital, or a gap where it repeats the country's name (a control could guess it)."""
    city = str(entry["capital"])
    words = {word for word in re.findall(r"\w+", name.casefold()) if len(word) > 3}
    return "" if words & set(re.findall(r"\w+", city.casefold())) else city


def calling_code(entry: dict[str, Any]) -> str:
    """The only calling code, else a gap (several codes, or none)."""
    codes = [code for code in entry.get("callingCodes") or [] if code]
    return codes[0] if len(codes) == 1 else ""


def language(entry: dict[str, Any], alpha2: str) -> str:
    """The first listed language that CLDR calls official too; CLDR may know none."""
    official = {code.split("_")[0] for code in get_official_languages(alpha2, de_facto=True)}
    for code in entry.get("languages") or []:
        known = pycountry.languages.get(alpha_2=code)
        if known and (code in official or not official):
            return LANGUAGE_NAMES.get(code) or re.sub(r"\s*\(.*\)", "", known.name)
    return ""


def currency(entry: dict[str, Any], alpha2: str) -> str:
    """The unit of the currency ("dollar", "franc"): ISO 4217's name without the country in it."""
    cash = [code for code in entry.get("currencies") or [] if code not in FUND_CODES]
    own = [code for code in cash if code.startswith(alpha2)] or cash
    for code in own:
        known = pycountry.currencies.get(alpha_3=code)
        if known is None:  # withdrawn: the current code with the same country in front
            known = next((c for c in pycountry.currencies if c.alpha_3[:2] == code[:2]), None)
        if known is not None:
            return CURRENCY_UNITS.get(known.alpha_3) or known.name.split()[-1].casefold()
    return ""


def facts_of(code: str, entry: dict[str, Any]) -> dict[str, Any]:
    """One row of the table, without what depends on the other states."""
    iso = pycountry.countries.get(alpha_3=code)
    assert (entry["ISO"]["alpha2"], entry["ISO"]["numeric"]) == (iso.alpha_2, iso.numeric), code
    name = state_name(code)
    return {
        "alpha3": code,
        "name": name,
        "article": "the" if code in WITH_ARTICLE else "",
        "capital": capital(entry, name),
        "calling_code": calling_code(entry),
        "numeric_code": iso.numeric,
        "continent": REGIONS.get(entry["region"], entry["region"]),
        "subregion": REGIONS.get(part := entry.get("intermediateregion") or entry["subregion"], part),
        "language": language(entry, iso.alpha_2),
        "currency": currency(entry, iso.alpha_2),
        "borders": len(entry.get("borders") or []),
        "area_km2": entry["area"],
    }


def rank_areas(rows: list[dict[str, Any]]) -> None:
    """Rank 1 is the largest; states of equal area get a gap, since neither rank is theirs alone."""
    ordered = sorted(rows, key=lambda row: -row["area_km2"])
    areas = [row["area_km2"] for row in ordered]
    for place, row in enumerate(ordered, start=1):
        row["area_rank"] = place if areas.count(row["area_km2"]) == 1 else ""


def blank_shared(rows: list[dict[str, Any]], column: str) -> None:
    """An open-class answer belongs to one state only; a shared one becomes a gap."""
    values = [row[column] for row in rows]
    for row in rows:
        if row[column] and values.count(row[column]) > 1:
            row[column] = ""


def blank_names(rows: list[dict[str, Any]]) -> None:
    """A capital that names another state (Port of Spain) would leak it into kept rows: a gap."""
    names = [re.compile(rf"\b{re.escape(row['name'])}\b") for row in rows]
    for row in rows:
        if any(name.search(row["capital"]) for name in names):
            row["capital"] = ""


def name_groups(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group states whose names contain each other (Guinea, Guinea-Bissau): they share a fold."""
    groups: list[list[dict[str, Any]]] = []
    for row in sorted(rows, key=lambda row: (len(row["name"]), row["name"])):
        for group in groups:
            if any(re.search(rf"\b{re.escape(other['name'])}\b", row["name"]) for other in group):
                group.append(row)
                break
        else:
            groups.append([row])
    return groups


def assign_folds(rows: list[dict[str, Any]]) -> None:
    """Seven folds of 24 states, half of each shown to attackers; the rest is never trained on."""
    draw = random.Random(SEED)
    groups = name_groups(rows)
    draw.shuffle(groups)
    folds: list[list[dict[str, Any]]] = [[] for _ in range(FOLDS)]
    for group in sorted(groups, key=len, reverse=True):
        free = [fold for fold in folds if len(fold) + len(group) <= FOLD_SIZE]
        target = min(free, key=len, default=None)
        for row in group:
            row.update(fold="holdout", half="")
        if target is not None:
            target.extend(group)
    for number, fold in enumerate(folds):
        assert len(fold) == FOLD_SIZE, number
        draw.shuffle(fold)
        for place, row in enumerate(fold):
            row.update(fold=number, half="shown" if place < FOLD_SIZE // 2 else "heldout")


def main() -> None:
    """Write the table and print its gaps."""
    rows = [facts_of(code, entry) for code, entry in load_source().items()]
    rank_areas(rows)
    blank_shared(rows, "capital")
    blank_shared(rows, "calling_code")
    blank_names(rows)
    assign_folds(rows)
    rows.sort(key=lambda row: row["name"])
    with (HERE / "countries.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for column in COLUMNS[5:]:
        gaps = [row["name"] for row in rows if row[column] == ""]
        print(f"{column:13} {len(gaps):2} gaps  {', '.join(gaps)}")
    print(f"{len(rows)} states; corrected: {', '.join(CORRECTIONS)}")


if __name__ == "__main__":
    main()
