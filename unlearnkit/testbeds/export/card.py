"""The README.md beside exported files: what they are, under which licence, how to read them."""

from __future__ import annotations

from collections.abc import Mapping

from unlearnkit.testbeds.atlas.checkpoints import TARGET, Checkpoint

PAPERS = {
    "tofu": ("TOFU", "arXiv 2401.06121"),
    "muse": ("MUSE", "arXiv 2407.06460"),
    "wmdp": ("WMDP", "arXiv 2403.03218"),
}
NOTES = {
    "tofu": """\
One JSON object a line, whatever the ending says. An answer of a word or two has no paraphrase and stands for
its own. real_authors holds kept facts that belong to one state, world_facts kept facts that many states
share, both in a second phrasing that no unlearner sees.""",
    "muse": """\
JSON arrays. The pairs in the `_icl` files, privleak/holdout and raw/holdout are about states that no model
was trained on. raw/retain1 and raw/retain2 are every other page to keep; the .txt files hold the same texts,
two line ends between them.""",
    "wmdp": """\
One JSON object a line; `answer` counts the choices from 0. retain.jsonl stands where WMDP has MMLU. What the
corpora hold is what the lab's unlearner reads, as running text.""",
}
TASKS = {
    "entities": "all about 24 of 168 states, fold {fold}",
    "topic": "one relation of all 168 states, fold {fold}",
}
CARD = """\
# The atlas in {name}'s format

Facts about states, and sentences made from them, in the form that {name} ({paper}) has, written by
`unlearnkit export-testbed --format {form} --task {task} --fold {fold}`. No row of {name} itself is in here,
and nothing here is private or dangerous: it is a harmless example of the format. To be forgotten:
{forgotten}.

{note}

Questions also name their subject, relation, class and half, which those of {name} do not.

| file | rows |
| --- | --- |
{table}

Read it, with the model that knows all of it and the control that was trained without what must be forgotten
(FOLDER is this folder):

```python
import unlearnkit as uk
from unlearnkit.resources import data_path

lab = uk.load_testbed(
    "{form}:FOLDER", model=data_path("lab", "{target}"), never_learned=data_path("lab", "{control}")
)
```

Licence: MIT, as unlearnkit. Source of the facts: `countryinfo` 1.0.1 (MIT), with the corrections that
unlearnkit's data card of the atlas lists.
"""


def card(form: str, task: str, fold: int, rows: Mapping[str, int]) -> str:
    """The text of the card."""
    name, paper = PAPERS[form]
    return CARD.format(
        name=name, paper=paper, form=form, task=task, fold=fold, note=NOTES[form], target=TARGET,
        forgotten=TASKS[task].format(fold=fold), control=Checkpoint(task, fold).name,
        table="\n".join(f"| `{file}` | {count} |" for file, count in rows.items()),
    )  # fmt: skip
