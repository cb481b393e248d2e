"""Rows that a model can read at once: texts in pieces; else what is too long raises, is cut or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.testbeds.benchmarks.running_text import decoded, pieces
from unlearnkit.testbeds.encoding import MAX_TOKENS, encode_prompt
from unlearnkit.testbeds.files.located import Located, LocatedRows
from unlearnkit.testbeds.rows import Passage, Question, Row, Text

TOO_LONG = ("raise", "cut", "skip")
SCORED_TOKENS = 128  # of a passage: MUSE compares no more


@dataclass
class Fitting:
    """Fits rows to a tokenizer; `cut`, `skipped` and `pieced` count, by part, what was changed.

    Attributes
    ----------
    tokenizer : a Hugging Face tokenizer
    limit : int
        Tokens a row, the begin and the end token among them.
    too_long : {"raise", "cut", "skip"}
        See `load_testbed`.
    """

    tokenizer: Any
    limit: int = MAX_TOKENS
    too_long: str = "raise"
    cut: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    pieced: Counter[str] = field(default_factory=Counter)

    def rows(self, part: str, located: LocatedRows) -> LocatedRows:
        """The rows of a part, each short enough.

        Running text is taken in pieces and loses nothing but the context before each piece.

        Raises
        ------
        BadInput
            For a row that is too long, or of which nothing is left; the message names file and row.
        """
        fitted = tuple(fit for each in located for fit in self._fitted(part, each))
        if located and not fitted:
            raise BadInput(f'too_long: "skip" leaves no row of {part}; take "cut", or give shorter rows')
        return fitted

    def notes(self) -> list[str]:
        """What was changed, one sentence a part."""
        cut = [f"{count} rows of {part} cut to {self.limit} tokens" for part, count in self.cut.items()]
        cut += [f"{count} rows of {part} left out: too long" for part, count in self.skipped.items()]
        return cut + [
            f"{count} texts of {part} read in pieces of up to {self.limit} tokens, without what precedes each"
            for part, count in self.pieced.items()
        ]

    def _fitted(self, part: str, located: Located) -> Iterator[Located]:
        row = located.row
        if isinstance(row, Text) and row.ends:
            yield from (replace(located, row=piece) for piece in self._pieces(row, located.place))
            return
        length = self._length(located)
        if length <= self.limit:
            yield located
        elif isinstance(row, Text):
            self.pieced[part] += 1
            yield from (replace(located, row=piece) for piece in self._pieces(row, located.place))
        elif self.too_long == "skip":
            self.skipped[part] += 1
        elif self.too_long == "cut":
            self.cut[part] += 1
            yield replace(located, row=self._shortened(located))
        else:
            raise BadInput(
                f"{located.place}: has {length} tokens, more than {self.limit}; shorten it, or give "
                'too_long="cut" or too_long="skip"'
            )

    def _pieces(self, document: Text, place: str) -> list[Text]:
        opening = len(encode_prompt("", self.tokenizer))
        found = pieces(document, self.tokenizer, self.limit - 1 - opening)
        if opening + sum(len(piece.ids) for piece in found) < 2:
            raise _nothing_to_learn(document.text, place)
        return found

    def _length(self, located: Located) -> int:
        """Tokens of the longest form that the row is read in."""
        row, lengths = located.row, []
        for prompt, target in _forms(row):
            opening, found = encode_prompt(prompt, self.tokenizer), self._ids(target)
            if (
                not found or len(opening) + len(found) < 2
            ):  # the first of all tokens is predicted from nothing
                raise _nothing_to_learn(target, located.place)
            lengths.append(len(opening) + len(found) + 1)
        return max(lengths)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def _shortened(self, located: Located) -> Row:
        row = located.row
        if isinstance(row, Question):
            return self._shorter_question(row, located.place)
        return self._shorter_passage(row) if isinstance(row, Passage) else row  # no file brings a list

    def _shorter_question(self, row: Question, place: str) -> Question:
        """Answers lose their end; a question loses nothing, since it would be another one."""
        if row.options:
            raise BadInput(f'{place}: has options, and cannot be cut; give too_long="skip"')
        asked = [prompt for prompt, _ in _forms(row)]
        longest = max(len(encode_prompt(prompt, self.tokenizer)) for prompt in asked)
        room = self.limit - 1 - longest
        answers = (row.answer, row.paraphrased_answer, *row.wrong_answers)
        cut = [self._beginning(answer, room) if answer else "" for answer in answers]
        if not all(short or not whole for short, whole in zip(cut, answers, strict=True)):
            raise BadInput(
                f"{place}: the question alone has {longest} tokens, and no answer token is left within "
                f'{self.limit}; shorten the question, or give too_long="skip"'
            )
        return replace(row, answer=cut[0], paraphrased_answer=cut[1], wrong_answers=tuple(cut[2:]))

    def _beginning(self, answer: str, room: int) -> str:
        """As much of an answer as fits; "" where nothing does."""
        ids = self._ids(f" {answer}")
        for size in range(min(room, len(ids)), 0, -1):
            text = decoded(self.tokenizer, ids[:size]).strip().rstrip("�")
            if text.strip() and len(self._ids(f" {text}")) <= room:
                return text
        return ""

    def _shorter_passage(self, row: Passage) -> Passage:
        """The continuation keeps what is scored; the opening loses its beginning, which lies farthest off."""
        text = self._beginning(row.text, min(SCORED_TOKENS, self.limit // 2))
        room = self.limit - 1 - len(self._ids(f" {text}"))
        ids = self._ids(row.opening)
        for size in range(min(room, len(ids)), 0, -1):
            opening = decoded(self.tokenizer, ids[-size:]).lstrip("�")
            shorter = replace(row, opening=opening, text=text)
            if len(encode_prompt(shorter.prompt, self.tokenizer)) <= room:
                return shorter
        return replace(row, opening="", text=text)


def _nothing_to_learn(text: str, place: str) -> BadInput:
    shown = text.strip()[:40]
    return BadInput(f"{place}: {shown!r} leaves this tokenizer no token to learn; take the row out")


def _forms(row: Row) -> list[tuple[str, str]]:
    """Prompt and target in every way that a row is read."""
    forms = [(row.prompt, row.target)]
    if isinstance(row, Question):
        if row.paraphrase:
            forms.append((row.paraphrased().prompt, row.target))
        others = [*row.wrong_answers, row.paraphrased_answer]
        forms += [(row.prompt, f" {answer}") for answer in others if answer]
    return forms
