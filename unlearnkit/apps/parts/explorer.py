"""What explorers share: controls that choose, and what follows when one of them is moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unlearnkit.apps.parts.guard import guarded
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.apps.parts.view import View
from unlearnkit.errors import MissingReference


class Explorer(View):
    """A view of which one chooses what it shows.

    Who builds on it sets `controls` and `status`, calls `_listen` when all stands, and says in `_changed`
    what can be chosen, in `_take` what follows, and in `_dress` what a theme does.
    """

    controls: Any
    status: StatusLine

    def _changed(self, **changes: Any) -> Any:
        raise NotImplementedError

    def _take(self, choice: Any) -> None:
        raise NotImplementedError

    def _dress(self) -> None:
        raise NotImplementedError

    @property
    def _theme(self) -> str:
        return "dark" if self.controls.dark.value else "light"

    def _listen(self) -> None:
        controls = self.controls
        for name, (control, trait) in controls.fields.items():
            control.observe(self._guarded(lambda _, name=name: self._moved(name)), names=trait)
        controls.dark.observe(self._guarded(lambda _: self._dress()), names="value")
        controls.picture.observe(self._guarded(lambda _: self._pictured()), names="presses")

    def _guarded(self, act: Callable[..., None]) -> Callable[..., None]:
        return guarded(act, self.status.fail)

    def _moved(self, name: str) -> None:
        """A control was moved by hand; what cannot be shown is said, and the control goes back.

        One that the view moves itself says nothing.
        """
        controls = self.controls
        if controls.quiet:
            return
        try:
            chosen = self._changed(**{name: controls.read(name)})
        except Exception:
            controls.write(controls.choice)
            raise
        self._take(chosen)

    def _pictured(self) -> None:
        if self.controls.picture.found == "nothing":
            raise MissingReference("no figure was found on the page; scroll it into view and press again")
        self.status.say("The picture is among the browser's downloads.")
