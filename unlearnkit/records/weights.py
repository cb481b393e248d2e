"""Weights beside a store: one safetensors file for each content, under a cap on their size."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any
from uuid import uuid4

from unlearnkit.errors import require_positive
from unlearnkit.records.database import StoreFault

WEIGHTS_CAP = 2 * 1024**3  # bytes; a model of the lab has two million
SUFFIX = ".safetensors"
UNFINISHED = ".unfinished"
STALE = 3600  # seconds after which a draft has no writer any more


class WeightFiles:
    """A folder of weights by their hash, `unlearning.identity.weights_hash`.

    A file is there whole or not at all. When the folder would outgrow `cap` bytes, the files that were not
    used for longest go first.
    """

    def __init__(self, folder: Path, cap: float = WEIGHTS_CAP) -> None:
        require_positive("weights_cap", cap, zero_allowed=True, hint="It is in bytes; 0 keeps no weights.")
        self.folder, self.cap = folder, cap

    def keep(self, model: Any, digest: str) -> bool:
        """Keep a model's weights under their hash; False, with a warning, where the cap is too small."""
        from safetensors.torch import save

        if self._use(digest):
            return True
        content = save({n: w.detach().cpu().contiguous() for n, w in model.named_parameters()})
        if len(content) > self.cap:
            warnings.warn(
                f"weights: {len(content):,} bytes are more than weights_cap ({self.cap:,.0f}), so they are "
                "not kept and will be made again when asked for; raise weights_cap to keep them",
                stacklevel=3,
            )
            return False
        self._make_room(len(content))
        self._write(content, digest)
        return True

    def read(self, digest: str) -> dict[str, Any] | None:
        """The tensors of a hash; None where they are not kept or cannot be read."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        if not self._use(digest):
            return None
        try:
            return dict(load(self._path(digest).read_bytes()))
        except (OSError, SafetensorError):  # it went to make room for others, or is damaged
            return None

    def forget(self, digest: str) -> None:
        """Take a file away, as one that is damaged."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}{SUFFIX}"

    def _use(self, digest: str) -> bool:
        """Whether it is there; its time says when it was used last."""
        try:
            os.utime(self._path(digest))
        except FileNotFoundError:
            return False
        except OSError:  # a folder that may only be read
            return self._path(digest).exists()
        return True

    def _make_room(self, needed: int) -> None:
        """Take files away, least recently used first, until so many bytes more fit."""
        files = [(status.st_mtime_ns, status.st_size, path) for path, status in self._files()]
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total + needed <= self.cap:
                return
            try:
                path.unlink(missing_ok=True)
            except OSError:  # in use on Windows: the next one, then
                continue
            total -= size

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in self.folder.glob("*"):
            try:
                status = path.stat()
            except OSError:  # another process took it away
                continue
            if path.name.endswith(UNFINISHED) and time.time() - status.st_mtime > STALE:
                path.unlink(missing_ok=True)
            elif path.suffix == SUFFIX:
                found.append((path, status))
        return found

    def _write(self, content: bytes, digest: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.folder / f".{uuid4().hex}{UNFINISHED}"
            try:
                with draft.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._path(digest))
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreFault(
                f"weights: {self.folder} cannot take {len(content):,} bytes ({error.strerror}); nothing of "
                "them was written. Make room, or go on without: add the row without model=…"
            ) from error
