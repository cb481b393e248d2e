"""The atlas: real facts about sovereign states, in sentences of our own, for a model of our own."""
