"""The landscape view, without a browser."""
