"""Controls on a page: the names that a screen reader says, and hands that press, move and choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import Locator

# Roles of what a user operates, as the browser tells them to a screen reader.
OPERATED = {
    "button", "checkbox", "combobox", "grid", "link", "listbox", "menuitem", "radio", "searchbox", "slider",
    "spinbutton", "switch", "tab", "textbox", "treeitem",
}  # fmt: skip
MARK = "data-asked-for-names"


class Control(NamedTuple):
    """A control as a screen reader meets it."""

    role: str
    name: str


def controls(root: Locator) -> list[Control]:
    """Every control inside an element, by the browser's own accessibility tree; hidden ones are not in it."""
    root.evaluate(f"element => element.setAttribute('{MARK}', '')")
    session = root.page.context.new_cdp_session(root.page)
    try:
        document = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        asked = {"nodeId": document, "selector": f"[{MARK}]"}
        found = {"nodeId": session.send("DOM.querySelector", asked)["nodeId"]}
        nodes = session.send("Accessibility.queryAXTree", found)["nodes"]
    finally:
        session.detach()
        root.evaluate(f"element => element.removeAttribute('{MARK}')")
    seen = [node for node in nodes if not node["ignored"] and node["role"]["value"] in OPERATED]
    return [Control(node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in seen]


def press_until(control: Locator, key: str, *, reached: Callable[[], bool], at_most: int = 200) -> int:
    """Focus a control and press a key until something holds; how often it was pressed."""
    control.focus()
    for pressed in range(at_most):
        if reached():
            return pressed
        control.page.keyboard.press(key)
    raise AssertionError(f"{key} was pressed {at_most} times and what was waited for did not come")


def click_at(track: Locator, share: float) -> None:
    """Click on a slider's track, at a share of its length from the left."""
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    if box is None:
        raise AssertionError("the track is not on the page")
    track.page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
