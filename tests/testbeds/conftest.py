"""What the tests of testbeds from files share: a saved toy model, and ways to write rows."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory, make_llama, tokenizer) -> Path:
    """The folder of a small random model with the lab's tokenizer and 256 positions."""
    folder = tmp_path_factory.mktemp("toy-model")
    make_llama(3, max_position_embeddings=256).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def write_lines():
    """Write JSON Lines: write_lines(path, rows)."""

    def write(path: Path, rows) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_text("".join(lines), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def write_array():
    """Write one JSON array: write_array(path, rows)."""

    def write(path: Path, rows) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def write_parquet():
    """Write a parquet file: write_parquet(path, rows)."""

    def write(path: Path, rows) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        return path

    return write
