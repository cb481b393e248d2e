"""The id of a run: a hash of what decides its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from unlearnkit.fingerprints import weights_hash
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.testbeds.testbed import Testbed

# Raised by hand when a change alters results; the golden test says when it must be.
RESULTS_VERSION = 1


def rows_hash(rows: Sequence[Encoded]) -> str:
    """A hash of token ids and labels in order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr((row.input_ids, row.labels)).encode())
    return digest.hexdigest()


def control_id(lab: Testbed, name: str, model: Any) -> str:
    """The id of a model that nobody unlearned: target, never_learned or a planted one."""
    data = rows_hash([*lab.encode(lab.forget), *lab.encode(lab.kept)])
    config = {"control": name, "task": lab.task, "fold": lab.fold}
    return run_id(config, weights=weights_hash(model), data=data)


def run_id(config: dict[str, Any], *, weights: str, data: str) -> str:
    """Sixteen hexadecimal digits that two runs share only if they must give the same result."""
    decided = {"config": config, "weights": weights, "data": data, "results": RESULTS_VERSION}
    text = json.dumps(decided, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
