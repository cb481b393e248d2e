"""The notebook views, in process."""
