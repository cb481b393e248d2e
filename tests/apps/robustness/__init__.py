"""What survived, in process: its choices, numbers, words and widgets."""
