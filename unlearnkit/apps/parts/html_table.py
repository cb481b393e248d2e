"""Tables of text in a view: escaped, captioned, scrolled by keyboard, in the colours of the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

SCROLL = "max-height:{height}px;overflow:auto;border:1px solid var(--jp-border-color2,#bdbdbd)"
CELL = "padding:2px 8px;text-align:{side};vertical-align:top"
HEAD = "position:sticky;top:0;background:var(--jp-layout-color2,#eeeeee);color:var(--jp-ui-font-color1,#000)"
CHOSEN = "font-weight:bold;outline:2px solid var(--jp-brand-color1,#0072B2);outline-offset:-2px"


def html_table(
    rows: Sequence[Mapping[str, Any]],
    *,
    caption: str,
    numbers: Collection[str] = (),
    chosen: int | None = None,
    height: int = 300,
) -> str:
    """A table as HTML; what is not text is written as `str` writes it, None as a dash.

    Parameters
    ----------
    rows : sequence of mapping
        The first one's keys are the columns.
    caption : str
        What is in it; also the name of the region that scrolls.
    numbers : collection of str
        Columns that stand to the right.
    chosen : int, optional
        A row to stress.
    height : int
        Pixels; above, it scrolls.

    Examples
    --------
    >>> "&lt;b&gt;" in html_table([{"name": "<b>"}], caption="Names")
    True
    """
    if not rows:
        return f"<p>{escape(caption)}: none.</p>"
    columns = list(rows[0])
    side = {name: "right" if name in numbers else "left" for name in columns}
    head = "".join(
        f'<th scope="col" style="{CELL.format(side=side[name])};{HEAD}">{escape(name)}</th>'
        for name in columns
    )
    body = "".join(_row(row, side, is_chosen=place == chosen) for place, row in enumerate(rows))
    return (
        f'<div role="region" tabindex="0" aria-label="{escape(caption)}" '
        f'style="{SCROLL.format(height=height)}"><table style="border-collapse:collapse;width:100%">'
        f'<caption style="text-align:left;padding:2px 8px">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: Mapping[str, Any], side: Mapping[str, str], *, is_chosen: bool) -> str:
    cells = "".join(
        f'<td style="{CELL.format(side=side[name])}">{escape(_text(row[name]))}</td>' for name in side
    )
    mark = f' aria-current="true" style="{CHOSEN}"' if is_chosen else ""
    return f"<tr{mark}>{cells}</tr>"


def _text(value: Any) -> str:
    return "–" if value is None else str(value)
