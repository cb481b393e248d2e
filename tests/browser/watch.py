"""What a page does that nobody should see: requests to other machines, failures, errors in its console."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request, Response

# Errors that parts of JupyterLab write, and why each is no fault of ours.
JUPYTERLABS_OWN = {
    r"\[anywidget\] Failed to initialize model": "its clock of two seconds, too short on a busy machine for "
    "plotly's five megabytes; the figure comes all the same, and tests see it drawn",
}
HERE = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|(file|data|blob|about|devtools):")


@dataclass
class Watch:
    """Everything that a page has done since it was opened."""

    requests: list[str] = field(default_factory=list)  # every address that was asked
    outside: list[str] = field(default_factory=list)  # those of other machines
    failed: list[str] = field(default_factory=list)  # requests that failed or were refused
    errors: list[str] = field(default_factory=list)  # uncaught errors, and errors in the console
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def over(cls, page: Page) -> Watch:
        """Watch a page, from its first request on."""
        watch = cls()
        page.on("request", watch._request)
        page.on("websocket", lambda socket: watch._address(socket.url))
        page.on("requestfailed", watch._failure)
        page.on("response", watch._response)
        page.on("console", watch._console)
        page.on("pageerror", lambda error: watch.errors.append(f"uncaught: {error}"))
        return watch

    def faults(self) -> dict[str, list[str]]:
        """What must not be: empty when all is well."""
        errors = [text for text in self.errors if not any(re.search(own, text) for own in JUPYTERLABS_OWN)]
        found = {"outside": self.outside, "failed": self.failed, "errors": errors}
        return {name: told for name, told in found.items() if told}

    def _request(self, request: Request) -> None:
        self._address(request.url)

    def _address(self, url: str) -> None:
        self.requests.append(url)
        if not HERE.match(url):
            self.outside.append(url)

    def _failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # taken back by the page itself, as when it is left
            self.failed.append(f"{request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.url}: {response.status}")

    def _console(self, message: ConsoleMessage) -> None:
        kept = {"error": self.errors, "warning": self.warnings}.get(message.type)
        if kept is not None:
            kept.append(f"{message.text} ({message.location.get('url', '')})")
