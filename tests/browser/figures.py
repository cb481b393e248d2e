"""A plotly figure on a page: the data that it draws, and the pixels that it draws them with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator

FIGURES = ".js-plotly-plot"
LOOKS = 10  # at most, for a figure that goes on changing

# JupyterLab lays cells out as they come into view, and a long notebook goes on moving after a scroll.
AT_REST = """figure => new Promise((done) => {
  let before = "", calm = 0;
  const look = () => {
    const { x, y, width, height } = figure.getBoundingClientRect();
    const now = [x, y, width, height].join();
    calm = now === before ? calm + 1 : 0;
    before = now;
    if (calm >= 10) done(); else requestAnimationFrame(look);
  };
  look();
})"""


@dataclass
class Redraw:
    """One act on a control, and what it changed in a figure."""

    milliseconds: float  # from the key, click or choice to the first frame with other data
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    pixels: int  # how many are other ones


@dataclass
class Figure:
    """A figure on a page."""

    place: Locator

    def traces(self) -> list[dict[str, Any]]:
        """What is drawn: name, type, colour, x, y and z of every visible trace."""
        return self.place.evaluate("figure => eyes.traces(figure)")

    def picture(self) -> bytes:
        """Its pixels, as a PNG: once it stands still, and looks the same twice."""
        now = self._picture()
        for _ in range(LOOKS):
            before, now = now, self._picture()
            if now == before:
                break
        return now

    def _picture(self) -> bytes:
        self.place.scroll_into_view_if_needed()
        self.place.evaluate(AT_REST)
        return self.place.screenshot(animations="disabled")

    def colours(self) -> tuple[int, dict[str, int]]:
        """How many colours its pixels have, and how many pixels have each trace's colour."""
        wanted = sorted({trace["colour"] for trace in self.traces() if trace["colour"]})
        ask = "([png, names]) => eyes.colours(png, names)"
        found = self.place.page.evaluate(ask, [_text(self.picture()), wanted])
        return found["seen"], dict(zip(wanted, found["counts"], strict=True))

    def redraw(self, act: Callable[[], object]) -> Redraw:
        """Act, and wait until other data are drawn."""
        before, picture = self.traces(), self.picture()
        self.place.evaluate("figure => eyes.timeRedraw(figure)")
        act()
        self.place.page.wait_for_function("() => eyes.redraw.drawn")
        times = self.place.page.evaluate("() => eyes.redraw")
        pixels = different_pixels(self.place, picture, self.picture())
        return Redraw(times["drawn"] - times["asked"], before, self.traces(), pixels)


def different_pixels(place: Locator, one: bytes, other: bytes) -> int:
    """How many pixels of two pictures differ; all of them where their sizes do."""
    ask = "([one, other]) => eyes.different(one, other)"
    return int(place.page.evaluate(ask, [_text(one), _text(other)]))


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()
