"""How much of a row comes out again: word by word, from where on, in one sample of many."""
