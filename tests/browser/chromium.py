"""A browser: found, started without a window, and cut off from every machine but this one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

APPLICATIONS = (  # macOS keeps them off PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SWITCH = "UNLEARNKIT_BROWSER"  # "off" skips what needs a browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ARGUMENTS = [
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have little shared memory
    "--no-first-run",
    "--force-color-profile=srgb",  # a colour is the same pixel everywhere
    # No other machine has an address: what works here, works offline.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
NO_BROWSER = f"""No browser was found, so nothing can be said about what a user sees. One of these brings one:
    apt-get install -y --no-install-recommends chromium fonts-dejavu-core    Debian, as root
    python -m playwright install --with-deps chromium                        anywhere, with the network
    brew install --cask chromium                                             macOS
    CHROME=PATH python -m pytest                                             one that is somewhere else
Or leave these tests out, visibly: {SWITCH}=off python -m pytest"""


def find_browser(own: str | None = None) -> str | None:
    """CHROME, else the first browser on PATH, else Playwright's own; None where there is none.

    A CHROME that leads nowhere is not passed over: it would be another browser than the one asked for.
    """
    asked = os.environ.get("CHROME")
    if asked:
        return shutil.which(asked)
    on_path = [path for name in NAMES if (path := shutil.which(name))]
    elsewhere = [path for path in (*APPLICATIONS, own) if path and Path(path).is_file()]
    return next(iter(on_path + elsewhere), None)


def require_browser(own: str | None = None) -> str:
    """The browser to use; without one the test fails, or is skipped where browsers are switched off."""
    if os.environ.get(SWITCH, "").lower() == "off":
        pytest.skip(f"{SWITCH}=off")
    found = find_browser(own)
    if found is None:
        pytest.fail(NO_BROWSER, pytrace=False)
    return found


@contextmanager
def started_browser() -> Iterator[Browser]:
    """The browser of this machine, without a window."""
    with sync_playwright() as playwright:
        path = require_browser(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
