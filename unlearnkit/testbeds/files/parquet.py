"""Rows of a parquet file, a batch at a time; pyarrow reads them, an extra."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput, MissingReference

MAGIC = b"PAR1"  # how every parquet file begins, and ends
ROWS_AT_ONCE = 1024


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file as plain Python values, in order.

    Raises
    ------
    MissingReference
        Without pyarrow.
    BadInput
        When the file is broken.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingReference(
            f"{path}: parquet is read by pyarrow, which is not installed; "
            "python -m pip install 'unlearnkit[parquet]' brings it"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path}: is a broken parquet file ({reason[:80]}); write it again") from error
