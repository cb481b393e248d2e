"""The view of one run as it forgets."""
