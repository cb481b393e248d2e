"""What models answer under noise, sample by sample: counted in blocks, each kept, the same noise for all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.displaced import Displaced, displaced, to_the_end
from unlearnkit.errors import BadInput
from unlearnkit.fingerprints import tensors_hash
from unlearnkit.journal import Journal
from unlearnkit.randomness import fitting_threads
from unlearnkit.smoothing.certificates.exact_answers import ExactAnswers, Facts
from unlearnkit.smoothing.certificates.subspace import Subspace
from unlearnkit.smoothing.noise import Noise, Step, size_of

CERTIFY, ALONG = 101, 102  # streams of noise: what is certified and what is held against it are independent
BLOCK = 25  # samples that are kept together: at the lab's size a few seconds of work


@dataclass(frozen=True)
class Answers:
    """What a model answered under noise.

    Attributes
    ----------
    known : tuple of int
        For each forget fact, in how many samples its answer was exactly the true one.
    shown, heldout, retain : tuple of int
        For each sample, how many facts of the split were answered.
    """

    known: tuple[int, ...]
    shown: tuple[int, ...]
    heldout: tuple[int, ...]
    retain: tuple[int, ...]

    def __add__(self, other: Answers) -> Answers:
        known = tuple(a + b for a, b in zip(self.known, other.known, strict=True))
        return Answers(
            known, self.shown + other.shown, self.heldout + other.heldout, self.retain + other.retain
        )


@dataclass(frozen=True)
class WeightNoise:
    """Gaussian noise on all weights, or within a subspace; the same for every model of one architecture."""

    sigma: float
    seed: int
    stream: int
    subspace: Subspace | None = None

    def step(self, weights: Sequence[torch.Tensor], sample: int) -> Step:
        """The displacement of a sample."""
        if self.subspace is not None:
            return self.sigma, self.subspace.draw(weights, self.seed, sample, self.stream)
        whole = Noise("gaussian", self.sigma, size_of(weights), self.seed)
        return whole.step(weights, sample, self.stream)

    @property
    def key(self) -> list[Any]:
        """What decides it."""
        return [self.sigma, self.seed, self.stream, self.subspace.key if self.subspace else None]


class Asking:
    """Models, each by a name, asked the same facts under the same noise."""

    def __init__(self, models: Mapping[str, Any], facts: Facts, tokenizer: Any, keep: Path | None) -> None:
        self.models, self.facts = dict(models), facts
        first = next(iter(self.models.values()))
        self.device = next(first.parameters()).device
        self.ask = ExactAnswers(facts.all, tokenizer, self.device)
        self.keys = {name: weights_key(model) for name, model in self.models.items()}
        self._asked = tensors_hash(
            (f"{place} {name}", tensor)
            for place, batch in enumerate(self.ask.batches)
            for name, tensor in batch.items()
        )
        self._journal = Journal(keep) if keep is not None else None

    def plain(self, shift: Sequence[torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
        """Without noise: for each model, which of the facts it answers, in order; or a displacement away."""
        with _evaluating(self.models), _all_displaced(self.models) as places:
            found = {}
            for name, model in self.models.items():
                places[name].to(*_away(shift))
                found[name] = self.ask(model)
        return found

    def noisy(
        self, noise: WeightNoise, samples: int, *, shift: Sequence[torch.Tensor] | None = None,
        progress: bool = False, title: str = "certify",
    ) -> dict[str, Answers]:  # fmt: skip
        """Under noise: what each model answered, around where it is or a displacement away."""
        found: dict[str, list[Answers]] = {name: [] for name in self.models}
        away = "" if shift is None else tensors_hash((str(i), part) for i, part in enumerate(shift))
        with (
            _evaluating(self.models),
            _all_displaced(self.models) as places,
            _Workers(_workers(self.models)) as workers,
            tqdm(total=samples * len(self.models), desc=title, disable=not progress, leave=False) as bar,
        ):
            for start in range(0, samples, BLOCK):
                block = range(start, min(start + BLOCK, samples))
                kept = {name: self._kept(name, noise, away, block) for name in self.models}
                pending = {
                    name: workers.begin(self._block, self.models[name], places[name], noise, block, shift)
                    for name, answers in kept.items()
                    if answers is None
                }
                for name in self.models:
                    answers = kept[name] or pending[name].result()
                    if name in pending:
                        self._keep(name, noise, away, block, answers)
                    found[name].append(answers)
                    bar.update(len(block))
        return {name: _sum(parts) for name, parts in found.items()}

    @torch.no_grad()
    def _block(
        self, model: Any, place: Displaced, noise: WeightNoise, block: range,
        shift: Sequence[torch.Tensor] | None, stop: threading.Event,
    ) -> Answers:  # fmt: skip
        rows = []
        for sample in block:
            if stop.is_set():
                break
            place.to(*_away(shift), noise.step(place.weights, sample))
            rows.append(self.ask(model))
        return self._counted(torch.stack(rows)) if rows else Answers((), (), (), ())

    def _counted(self, hits: torch.Tensor) -> Answers:
        """Of (samples, facts): shown, held out, retain, in order."""
        sizes = [len(self.facts.shown), len(self.facts.heldout), len(self.facts.retain)]
        splits = [tuple(part.sum(dim=1).tolist()) for part in hits.split(sizes, dim=1)]
        known = tuple(hits[:, : sizes[0] + sizes[1]].sum(dim=0).tolist())
        return Answers(known, *splits)

    def _key(self, name: str, noise: WeightNoise, away: str, block: range) -> str:
        parts = [self.keys[name], self._asked, *noise.key, away, block.start, block.stop]
        return json.dumps(["answers under noise", *parts])

    def _kept(self, name: str, noise: WeightNoise, away: str, block: range) -> Answers | None:
        record = self._journal.get(self._key(name, noise, away, block)) if self._journal else None
        return Answers(**{part: tuple(values) for part, values in record.items()}) if record else None

    def _keep(self, name: str, noise: WeightNoise, away: str, block: range, answers: Answers) -> None:
        if self._journal:
            record = {part: list(values) for part, values in vars(answers).items()}
            self._journal.add(self._key(name, noise, away, block), record)


def weights_key(model: Any) -> str:
    """A hash of a model's parameters and buffers."""
    return tensors_hash([*model.named_parameters(), *model.named_buffers()])


def require_path(keep: Any) -> Path | None:
    """The file to keep finished work in, or BadInput for a folder."""
    if keep is None:
        return None
    path = Path(keep)
    if path.is_dir():
        raise BadInput(f"keep must be a file, but {path.name!r} is a folder; give a file in it")
    return path


def _away(shift: Sequence[torch.Tensor] | None) -> list[Step]:
    return [] if shift is None else [(1.0, list(shift))]


def _sum(parts: Sequence[Answers]) -> Answers:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _workers(models: Mapping[str, Any]) -> int:
    """A thread a model while torch uses one for each: small models on the CPU. No bit depends on it."""
    with fitting_threads(next(iter(models.values()))):
        on_cpu = all(weight.device.type == "cpu" for weight in next(iter(models.values())).parameters())
        return len(models) if on_cpu and torch.get_num_threads() == 1 else 1


@contextmanager
def _evaluating(models: Mapping[str, Any]) -> Iterator[None]:
    """Evaluation mode and fitting threads inside; every module's own mode again after."""
    training = [module for model in models.values() for module in model.modules() if module.training]
    try:
        for model in models.values():
            model.eval()
        with fitting_threads(next(iter(models.values()))):
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _all_displaced(models: Mapping[str, Any]) -> Iterator[dict[str, Displaced]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(displaced(list(model.parameters()))) for name, model in models.items()
        }


class _Workers:
    """Threads that have all ended when the block is left, each after its sample, however often one stops it.

    Only then may weights be put back: a worker that was left behind would move them again.
    """

    def __init__(self, threads: int) -> None:
        self._pool, self._stop = ThreadPoolExecutor(threads), threading.Event()
        self._quiet, self._running = threading.Condition(), 0

    def begin(self, work: Callable[..., Answers], *given: Any) -> Future[Answers]:
        """Let a thread do it, with the event that tells it to stop as the last argument."""
        return self._pool.submit(self._do, work, *given)

    def _do(self, work: Callable[..., Answers], *given: Any) -> Answers:
        """Workers count themselves: a Ctrl-C while one is begun may lose its future."""
        with self._quiet:
            if self._stop.is_set():
                raise CancelledError
            self._running += 1
        try:
            return work(*given, self._stop)
        finally:
            with self._quiet:
                self._running -= 1
                self._quiet.notify_all()

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        to_the_end(self._all_ended)

    def _all_ended(self) -> None:
        with self._quiet:
            self._stop.set()
            self._quiet.wait_for(lambda: not self._running)
        self._pool.shutdown()
