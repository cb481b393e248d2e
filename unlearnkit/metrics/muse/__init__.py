"""MUSE's four metrics (2407.06460), and how well a log of another tool scores by them."""
