"""What tests share: the lab, a toy testbed for mechanics, and ways to see whether anything changed."""

from __future__ import annotations

import copy
import hashlib
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from transformers import LlamaConfig, LlamaForCausalLM

import unlearnkit as uk
from unlearnkit.testbeds import Question, Split, Testbed
from unlearnkit.testbeds.atlas.tasks import task_splits, training_rows
from unlearnkit.testbeds.atlas.tokenizer import train_tokenizer

from .reference_data import reference_data  # noqa: F401  # a fixture, and so is the next
from .study_records import study_of  # noqa: F401

# The same examples on every run, and no deadline: a shared machine may pause at any time.
settings.register_profile("unlearnkit", derandomize=True, deadline=None)
settings.load_profile("unlearnkit")

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """One intra-op thread: more sum in another order. Ctrl-C is heard, in the background too."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)


# In two processes (python -m pytest -n 2) a file's tests stay together, and so does what is listed here.

TOGETHER = {
    "lessons": ("tests/browser/", "tests/notebooks/"),  # one JupyterLab, and each lesson is run once
    "undisturbed": (  # measured, killed or interrupted, or two processes by themselves
        "tests/benchmarks/", "tests/cli/", "tests/flatness/test_surface_resumed.py",
        "tests/records/test_database.py", "tests/studies/test_executor.py",
        "tests/studies/test_calibrate.py", "tests/studies/test_compare.py",
    ),
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest group first; skip what needs a GPU, visibly, where there is none."""
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA GPU on this machine"))
    items.sort(key=lambda item: group_of(item.nodeid) != "lessons")


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Hand out whole groups, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        _split_scope = staticmethod(group_of)

    config.option.loadscopereorder = False
    return ByGroup(config, log)


def group_of(nodeid: str) -> str:
    """The group of a test: one of TOGETHER, or its file."""
    named = (name for name, places in TOGETHER.items() if nodeid.startswith(places))
    return next(named, nodeid.partition("::")[0])


@pytest.fixture
def tell(record_property):
    """Say something at the end, whatever process the test ran in: tell("00-tour: 50 s")."""
    return lambda text: record_property("told", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests had to tell."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    for report in (report for report in reports if getattr(report, "when", "") == "call"):
        for text in (text for name, text in report.user_properties if name == "told"):
            terminalreporter.write_line(text)


# The package as it ships, and the lessons that were run with it.

OFFLINE = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="session")
def install():
    """Build a wheel from a checkout or an sdist, and install it: install(source, folder) is where."""

    def build(source: Path, folder: Path) -> Path:
        wheel = ["wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
        _run("-m", "pip", *wheel, *OFFLINE)
        (built,) = folder.glob("*.whl")
        _run("-m", "pip", "install", "--target", str(folder / "site"), str(built), *OFFLINE)
        return folder / "site"

    return build


@pytest.fixture(scope="session")
def wheel(install, tmp_path_factory):
    """Where the wheel of this checkout is installed; on PYTHONPATH it goes before the checkout."""
    return install(ROOT, tmp_path_factory.mktemp("wheel"))


def _run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        check=False,  # what it said is shown instead
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def executions():
    """Lessons that were run in this session, by name: the browser's, and tests/notebooks' for the rest."""
    return {}


# The lab as it ships. Scores of its models are taken once (metrics.references).


@pytest.fixture(scope="session")
def lab():
    """The entity task, fold 1, on the CPU."""
    return uk.load_testbed("atlas", fold=1, device="cpu")


@pytest.fixture(scope="session")
def topic_lab():
    """The topic task, fold 1 (capitals), on the CPU."""
    return uk.load_testbed("atlas", fold=1, task="topic", device="cpu")


# A toy: the atlas's rows and tokenizer, few of them, and a random model that knows nothing.


@pytest.fixture(scope="session")
def tokenizer():
    """The lab's tokenizer, made anew."""
    return train_tokenizer(row.prompt + row.target for row in training_rows())


@pytest.fixture(scope="session")
def make_llama(tokenizer):
    """Make a small Llama with random weights: make_llama(seed, **config)."""

    def make(seed: int = 0, **changes) -> LlamaForCausalLM:
        sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        names = ("bos_token_id", "eos_token_id", "pad_token_id")
        special = {name: getattr(tokenizer, name) for name in names}
        config = LlamaConfig(
            **{"vocab_size": len(tokenizer), "tie_word_embeddings": True, **sizes, **special, **changes}
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = LlamaForCausalLM(config).eval()
            with torch.no_grad():  # Llama starts so flat that all losses are ln(vocabulary)
                for weight in model.parameters():
                    weight.add_(torch.randn(weight.shape), alpha=0.1)
        return model

    return make


@pytest.fixture(scope="session")
def toy(tokenizer, make_llama):
    """A testbed of eight states and random models: everything runs, nothing is known."""
    whole = task_splits("entities", 1)

    def few(split: Split, count: int) -> Split:
        names = split.subjects[:count]
        return Split(split.name, tuple(row for row in split.rows if row.subject in names))

    shown, heldout, retain = few(whole.forget_shown, 2), few(whole.forget_heldout, 2), few(whole.retain, 4)
    forget = Split("forget", shown.rows + heldout.rows)
    return Testbed(
        name="toy", task="entities", fold=1, model=make_llama(0), tokenizer=tokenizer,
        forget=forget, forget_shown=shown, forget_heldout=heldout, retain=retain,
        holdout=few(whole.holdout, 1), verbatim_forget=forget.passages, verbatim_retain=retain.passages,
        device=torch.device("cpu"), load_control=lambda: make_llama(1),
    )  # fmt: skip


@pytest.fixture(scope="session")
def ask():
    """Make a question in one call: ask("Chad", "capital", "N'Djamena", open_class=True)."""

    def make(subject: str, relation: str, answer: str, *, open_class: bool = True) -> Question:
        return Question(subject, relation, f"{relation} of {subject}?", answer, open_class=open_class)

    return make


# Did anything change?


@pytest.fixture(scope="session")
def fingerprint():
    """Everything about a model that a caller could notice, as one comparable value."""

    def of(model) -> tuple:
        digest = hashlib.sha256()
        for name, tensor in model.state_dict(keep_vars=True).items():
            digest.update(f"{name} {tensor.dtype} {tensor.device} {tensor.requires_grad}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
            grad = tensor.grad
            digest.update(
                b"-" if grad is None else grad.cpu().contiguous().view(torch.uint8).numpy().tobytes()
            )
        modes = tuple((name, module.training) for name, module in model.named_modules())
        return digest.hexdigest(), modes, model.generation_config.to_json_string()

    return of


@pytest.fixture(scope="session")
def random_state():
    """The global random state of torch, NumPy and random, as one comparable value."""

    def now() -> tuple:
        numpy_state = str(np.random.get_state(legacy=False))
        return random.getstate(), numpy_state, torch.get_rng_state().numpy().tobytes()

    return now


@pytest.fixture(scope="session")
def same_bits():
    """Whether two models have the same weights, bit for bit."""

    def compare(one, other) -> bool:
        pairs = zip(one.parameters(), other.parameters(), strict=True)
        return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)

    return compare


@pytest.fixture(scope="session")
def noisy():
    """A copy of a model with noise on its weights, so that many of its answers are wrong."""

    def make(model, scale: float, seed: int = 0):
        copied = copy.deepcopy(model)
        draw = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in copied.parameters():
                weight.add_(torch.randn(weight.shape, generator=draw), alpha=scale)
        return copied

    return make
