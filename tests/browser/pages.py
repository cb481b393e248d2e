"""A new window of the browser, with eyes for figures and a watch over what it does."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from .watch import Watch

SIZE = {"width": 1400, "height": 1000}
PATIENCE_MS = 120_000  # for what a user sees at once: the machine may be busy with other things
EYES = Path(__file__).with_name("eyes.js")


def new_page(browser: Browser, *, size: dict[str, int] = SIZE) -> tuple[Page, Watch]:
    """An empty page in a window with no history, and who watches it."""
    context = browser.new_context(viewport=size, accept_downloads=True)
    context.add_init_script(path=EYES)
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    return page, Watch.over(page)


def close(page: Page) -> None:
    """Close a page's window, and all that it has stored."""
    page.context.close()
