"""Reading rows that others wrote: JSON, JSON Lines and parquet, checked row by row."""

from unlearnkit.testbeds.files.reading import read_rows
from unlearnkit.testbeds.files.record import Record

__all__ = ["Record", "read_rows"]
