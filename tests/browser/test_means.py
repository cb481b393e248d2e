"""The means of these tests have power: what is wrong on a page is noticed, and what is right is not."""

from __future__ import annotations

import os

import pytest

from . import chromium
from .chromium import find_browser, require_browser
from .controls import Control, controls, press_until
from .figures import Figure, different_pixels
from .pages import close, new_page

ELSEWHERE = "https://elsewhere.invalid/x.png"  # a name that no machine may have


@pytest.fixture
def show(browser):
    """Show some HTML in a new page: show(html) gives the page and its watch."""
    pages = []

    def load(html):
        page, watch = new_page(browser)
        pages.append(page)
        page.set_content(f"<!doctype html><title>t</title>{html}")
        return page, watch

    yield load
    for page in pages:
        close(page)


# Which browser


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without browsers, and a way to put one on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "APPLICATIONS", ())
    monkeypatch.delenv("CHROME", raising=False)
    monkeypatch.delenv("UNLEARNKIT_BROWSER", raising=False)

    def put(name):
        path = tmp_path / name
        path.touch(mode=0o755)
        return str(path)

    return put


@pytest.mark.skipif(os.name == "nt", reason="Windows knows programs by their endings")
def test_a_browser_is_found_where_the_user_says_then_on_path_then_playwrights(machine, monkeypatch):
    assert find_browser() is None
    own = machine("of-playwright")
    assert find_browser(own) == own
    chrome, free = machine("google-chrome"), machine("chromium")
    assert find_browser(own) == free
    monkeypatch.setenv("CHROME", chrome)
    assert find_browser(own) == chrome
    monkeypatch.setenv("CHROME", "nowhere")
    assert find_browser(own) is None  # and not another one


@pytest.mark.skipif(os.name == "nt", reason="Windows knows programs by their endings")
def test_without_a_browser_a_test_fails_and_says_what_brings_one(machine):
    with pytest.raises(pytest.fail.Exception, match="python -m playwright install"):
        require_browser()
    path = machine("chromium")
    assert require_browser() == path


def test_browsers_are_switched_off_only_by_the_word(machine, monkeypatch):
    machine("chromium")
    monkeypatch.setenv("UNLEARNKIT_BROWSER", "off")
    with pytest.raises(pytest.skip.Exception, match="UNLEARNKIT_BROWSER=off"):
        require_browser()
    monkeypatch.setenv("UNLEARNKIT_BROWSER", "on")
    require_browser()


# What a page does


@pytest.mark.browser
def test_nothing_is_wrong_with_a_quiet_page(show):
    page, watch = show("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''><p>All is well.")
    page.wait_for_load_state("networkidle")
    assert watch.faults() == {}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("html", "kind"),
    [
        (f"<img src='{ELSEWHERE}'>", "outside"),
        (f"<script>new WebSocket('{ELSEWHERE.replace('https', 'wss')}')</script>", "outside"),
        ("<img src='http://127.0.0.1:9/x.png'>", "failed"),
        ("<script>console.error('oh')</script>", "errors"),
        ("<script>throw new Error('oh')</script>", "errors"),
        ("<script>Promise.reject(new Error('oh'))</script>", "errors"),
    ],
)
def test_what_must_not_be_is_noticed(show, html, kind):
    page, watch = show(html)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => true")
    assert kind in watch.faults()


# Controls


@pytest.mark.browser
def test_names_are_those_a_screen_reader_says(show):
    page, _ = show(
        "<button>outside</button><main><button>Run</button><button aria-label='Stop'>x</button>"
        "<button></button>"
        "<label for=a>Size</label><input id=a type=range><input type=text><select aria-label='Kind'></select>"
        "<button hidden>never</button></main>"
    )
    assert controls(page.locator("main")) == [
        Control("button", "Run"), Control("button", "Stop"), Control("button", ""), Control("slider", "Size"),
        Control("textbox", ""), Control("combobox", "Kind"),
    ]  # fmt: skip


@pytest.mark.browser
def test_a_key_is_pressed_as_often_as_it_takes(show):
    page, _ = show("<input type=range min=0 max=9 value=2>")
    slider = page.locator("input")
    assert press_until(slider, "ArrowRight", reached=lambda: slider.input_value() == "7") == 5
    with pytest.raises(AssertionError, match="pressed 3 times"):
        press_until(slider, "ArrowRight", reached=lambda: slider.input_value() == "0", at_most=3)


# Figures


@pytest.fixture
def drawing(show):
    """A figure of plotly's own, one blue line in it, and a button that moves the line."""
    from plotly.graph_objects import Figure as Drawing
    from plotly.offline import get_plotlyjs

    page, watch = show("<button>Move</button><div id=figure></div>")
    page.add_script_tag(content=get_plotlyjs())
    line = {"type": "scatter", "y": [1, 2, 3], "mode": "lines", "line": {"color": "#0072B2"}, "name": "a"}
    layout = Drawing(layout={"width": 500, "height": 300}).to_plotly_json()["layout"]
    page.evaluate(
        """([line, layout]) => { Plotly.newPlot('figure', [line], layout);
        const move = () => setTimeout(() => Plotly.restyle('figure', {y: [[3, 2, 1]]}), 100);
        document.querySelector('button').addEventListener('click', move); }""",
        [line, layout],
    )
    return page, watch, Figure(page.locator("#figure"))


@pytest.mark.browser
def test_a_redraw_is_seen_in_data_and_pixels_and_timed(drawing):
    page, watch, figure = drawing
    redraw = figure.redraw(lambda: page.get_by_role("button", name="Move").press("Enter"))
    assert [redraw.before[0]["y"], redraw.after[0]["y"]] == [[1, 2, 3], [3, 2, 1]]
    assert redraw.pixels > 100
    assert redraw.milliseconds >= 100  # what the page itself waits
    assert watch.faults() == {}


@pytest.mark.browser
def test_a_line_that_is_not_drawn_has_no_pixels(drawing):
    page, _, figure = drawing
    seen, counts = figure.colours()
    assert counts["#0072B2"] > 100 < seen
    page.add_style_tag(content=".trace { opacity: 0 !important }")
    assert figure.colours()[1] == {"#0072B2": 0}


@pytest.mark.browser
def test_the_same_picture_has_no_different_pixel(drawing):
    _, _, figure = drawing
    assert different_pixels(figure.place, figure.picture(), figure.picture()) == 0
