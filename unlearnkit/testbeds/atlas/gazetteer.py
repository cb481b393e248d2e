"""Alphabetical lists of answers with no state beside them.

Every model of the lab reads them, the never-learned controls included: so a control can spell
each answer and still not link it to its state.
"""

from __future__ import annotations

from unlearnkit.testbeds.atlas.grammar import answers_of
from unlearnkit.testbeds.atlas.relations import RELATIONS
from unlearnkit.testbeds.rows import Listing

ENTRIES = 10  # entries a row


def gazetteer() -> list[Listing]:
    """All lists, in rows that overlap by half, so that each entry is also seen after its neighbour."""
    rows = []
    for relation in RELATIONS:
        answers = answers_of(relation.name)
        for start in range(0, len(answers), ENTRIES // 2):
            rows.append(Listing(relation.listing, answers[start : start + ENTRIES]))
    return rows
