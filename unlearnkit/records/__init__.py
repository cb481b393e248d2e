"""The runs that were made, and which survived: one SQLite file, queried to pandas."""

from unlearnkit.records.database import StoreFault
from unlearnkit.records.lines import Imported
from unlearnkit.records.look import printable
from unlearnkit.records.rules import RULE
from unlearnkit.records.shipped import default_store, shipped_store
from unlearnkit.records.store import ReadOnly, RunStore

__all__ = [
    "RULE",
    "Imported",
    "ReadOnly",
    "RunStore",
    "StoreFault",
    "default_store",
    "printable",
    "shipped_store",
]
