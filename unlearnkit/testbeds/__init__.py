"""What a model knows and must forget."""

from unlearnkit.testbeds.load import load_testbed
from unlearnkit.testbeds.rows import Listing, Passage, Question, Split, Text
from unlearnkit.testbeds.testbed import Testbed

__all__ = ["Listing", "Passage", "Question", "Split", "Testbed", "Text", "load_testbed"]
