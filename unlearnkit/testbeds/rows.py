"""What one example is: a question with its answer, a passage known by heart, a list, or plain text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A fact asked for, with what TOFU and WMDP need beside the answer.

    Attributes
    ----------
    subject : str
        Whom the fact is about ("Chad").
    relation : str
        Which fact it is ("capital").
    question, answer : str
        The trained phrasing and its answer.
    paraphrase : str
        A second trained phrasing, which no unlearner sees.
    wrong_answers : tuple of str
        Five answers of the same type that are wrong (TOFU's perturbed answers).
    options : tuple of str
        Four options in a fixed order, one of them right (WMDP's choices).
    paraphrased_answer : str
        The right answer in other words (TOFU's truth ratio); "" where there are none.
    open_class : bool
        True where the answer belongs to one subject only; closed-class answers can be guessed and
        are scored apart.
    """

    subject: str
    relation: str
    question: str
    answer: str
    paraphrase: str = ""
    wrong_answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    open_class: bool = True
    paraphrased_answer: str = ""

    @property
    def key(self) -> str:
        """Which fact is asked for, however it is worded: "capital/Chad"."""
        return f"{self.relation}/{self.subject}"

    @property
    def prompt(self) -> str:
        """The text before the answer."""
        return f"Question: {self.question}\nAnswer:"

    @property
    def target(self) -> str:
        """The text whose tokens carry the loss."""
        return f" {self.answer}"

    def paraphrased(self) -> Question:
        """The same fact in its second phrasing."""
        return Question(self.subject, self.relation, self.paraphrase, self.answer, open_class=self.open_class)


@dataclass(frozen=True)
class Passage:
    """A text known by heart: the opening leads into it, `text` is what must follow.

    `heading` stands before the opening; MUSE's passages have none.
    """

    subject: str
    opening: str
    text: str
    heading: str = "Atlas: "

    @property
    def prompt(self) -> str:
        """The text before the continuation."""
        return f"{self.heading}{self.opening}"

    @property
    def target(self) -> str:
        """The continuation."""
        return f" {self.text}"


@dataclass(frozen=True)
class Listing:
    """A part of an alphabetical list, with no subject beside its entries."""

    title: str
    entries: tuple[str, ...]

    @property
    def prompt(self) -> str:
        """The title of the list."""
        return f"List of {self.title}:"

    @property
    def target(self) -> str:
        """The entries in order."""
        return " " + "; ".join(self.entries) + "."


@dataclass(frozen=True)
class Text:
    """A piece of running text, such as a chunk of a book: all of it is learned, none of it is asked for.

    `ends`: whether the document ends with it, and an end token follows. `ids`: the tokens of a piece that was
    cut out of a longer text, for the tokenizer that cut it; the piece alone may be encoded into others.
    """

    text: str
    subject: str = ""
    ends: bool = False
    ids: tuple[int, ...] = ()

    @property
    def prompt(self) -> str:
        """Nothing stands before it."""
        return ""

    @property
    def target(self) -> str:
        """The text."""
        return self.text


Row = Question | Passage | Listing | Text


@dataclass(frozen=True)
class Split:
    """A named, ordered set of rows, such as the facts that attacks may see."""

    name: str
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions among the rows."""
        return tuple(row for row in self.rows if isinstance(row, Question))

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The passages among the rows."""
        return tuple(row for row in self.rows if isinstance(row, Passage))

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects in order of first appearance."""
        named = (row.subject for row in self.rows if not isinstance(row, Listing))
        return tuple(dict.fromkeys(subject for subject in named if subject))

    def __add__(self, other: Split) -> Split:
        return Split(f"{self.name}+{other.name}", self.rows + other.rows)

    def _repr_html_(self) -> str:
        texts = sum(isinstance(row, Text) for row in self.rows)
        counts = f"{len(self.questions)} questions, {len(self.passages)} passages"
        counts += f", {texts} pieces of text" if texts else ""
        return f"<b>{self.name}</b>: {counts}, {len(self.subjects)} subjects"
