"""Accuracies of lm-evaluation-harness, taken by itself: MMLU, and whatever tasks it has."""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from unlearnkit.errors import BadInput, MissingReference, UnknownName, require_integer, unknown_name
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.randomness import preserve_global_state

PACKAGE = "lm-eval"
INSTALL = 'python -m pip install "unlearnkit[lm-eval]"'


@dataclass(frozen=True)
class HarnessAccuracy:
    """What the harness measured.

    Attributes
    ----------
    results : mapping of str to mapping of str to float
        By task or group, the harness's own numbers by its own names: "acc", "acc_norm", and each one's
        standard error, "acc_stderr". Accuracies are 0 to 1; higher means more is known.
    questions : mapping of str to int
        How many questions each task asked.
    version : str
        Which lm-eval measured it; its tasks and its encoding change between versions.
    """

    results: Mapping[str, Mapping[str, float]]
    questions: Mapping[str, int]
    version: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{task}</td><td>{name}</td><td>{value:.4f}</td></tr>"
            for task, numbers in self.results.items()
            for name, value in numbers.items()
        )
        head = "<tr><th>task</th><th>number</th><th>value</th></tr>"
        return f"<table>{head}{rows}</table><p>lm-eval {self.version}</p>"


def harness_accuracy(
    model: Any,
    tokenizer: Any,
    *,
    tasks: Sequence[str],
    task_folder: str | Path | None = None,
    few_shot: int | None = None,
    limit: int | None = None,
    batch_size: int = 8,
    seed: int = 0,
) -> HarnessAccuracy:
    """Run tasks of lm-evaluation-harness on a model in memory; needs the extra "lm-eval".

    The harness's tasks download their data: naming "mmlu" asks for the hub's data set cais/mmlu, "wmdp" for
    cais/wmdp. Tasks in a folder of your own may read local files instead.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    tokenizer : its tokenizer
    tasks : sequence of str
        The harness's names of tasks or groups, such as ["mmlu"].
    task_folder : path, optional
        A folder with further tasks as YAML.
    few_shot : int, optional
        Worked examples before each question; the task's own number if not given (0 for WMDP and MMLU).
    limit : int, optional
        Ask only the first so many questions of each task: a trial, not a result.
    batch_size : int
        Texts in one pass.
    seed : int
        For whatever the harness draws, such as examples.

    Returns
    -------
    HarnessAccuracy

    Raises
    ------
    MissingReference
        When lm-eval is not installed, or the task folder does not exist.
    UnknownName, BadInput
        For a task that the harness does not know; without a task.

    References
    ----------
    EleutherAI, lm-evaluation-harness: `simple_evaluate`.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> uk.metrics.harness_accuracy(lab.model, lab.tokenizer, tasks=[])
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: tasks: none named, and they decide what is downloaded; ...
    """
    _check(tasks, task_folder, {"few_shot": few_shot, "limit": limit, "batch_size": batch_size})
    require_integer("seed", seed)
    lm_eval = _harness()
    # Its start seeds the global generators; its encoding may give the tokenizer a pad token.
    with preserve_global_state(), evaluating(model), _tied_as_it_is(model):
        manager = _tasks(tasks, task_folder)
        wrapped = _wrapped(model, copy.deepcopy(tokenizer), batch_size)
        seeds = ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed")
        found = lm_eval.simple_evaluate(
            model=wrapped, tasks=list(tasks), num_fewshot=few_shot, limit=limit, task_manager=manager,
            log_samples=False, **dict.fromkeys(seeds, abs(seed) % 2**32),
        )  # fmt: skip
    return HarnessAccuracy(
        results={task: _numbers(values) for task, values in found["results"].items()},
        questions={task: counts["effective"] for task, counts in found["n-samples"].items()},
        version=importlib.metadata.version(PACKAGE),
    )


def _check(tasks: Sequence[str], folder: str | Path | None, counts: Mapping[str, int | None]) -> None:
    if isinstance(tasks, str) or not all(isinstance(task, str) for task in tasks):
        raise BadInput(f'tasks must be a list of names, not {tasks!r}; write tasks=["mmlu"]')
    if not tasks:
        raise BadInput(
            'tasks: none named, and they decide what is downloaded; write tasks=["mmlu"] or the like'
        )
    if folder is not None and not Path(folder).is_dir():
        raise MissingReference(
            f"task_folder: {folder} is no folder; give one that holds the tasks' YAML files"
        )
    for name, count in counts.items():
        if count is not None:
            require_integer(name, count, minimum=0 if name == "few_shot" else 1)


def _harness() -> ModuleType:
    try:
        import lm_eval
    except ImportError as error:
        raise MissingReference(
            f"harness_accuracy needs lm-evaluation-harness, which cannot be imported here ({error}); install "
            f"it: {INSTALL}"
        ) from error
    module: ModuleType = lm_eval
    return module


def _tasks(tasks: Sequence[str], folder: str | Path | None) -> Any:
    """The harness's own list of tasks, which has each one named."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=None if folder is None else str(folder))
    for task in tasks:
        if task not in manager.all_tasks:
            raise _unknown(task, manager.all_tasks)
    return manager


def _unknown(task: str, known: Sequence[str]) -> UnknownName:
    """The harness has thousands of tasks: only those whose names begin alike are listed."""
    alike = [name for name in known if name.startswith(task[:3])]
    return unknown_name("tasks", task, sorted(alike, key=len)[:10] or ["mmlu", "wmdp"])


def _wrapped(model: Any, tokenizer: Any, batch_size: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)


@contextmanager
def _tied_as_it_is(model: Any) -> Iterator[None]:
    """The harness ties the output to the embedding once more; where an attack parted them, that undoes it."""
    model.tie_weights = lambda *_, **__: None
    try:
        yield
    finally:
        del model.tie_weights


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Numbers without a filter; "acc,none" is the harness's way to write that it has none."""
    named = ((name.removesuffix(",none"), value) for name, value in values.items() if "," in name)
    return {name: float(value) for name, value in named if isinstance(value, int | float)}
