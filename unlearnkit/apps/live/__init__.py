"""One run, watched while it forgets."""

from unlearnkit.apps.live.view import LiveUnlearning

__all__ = ["LiveUnlearning"]
