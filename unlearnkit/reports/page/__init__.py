"""The report page, put together from records."""

from unlearnkit.reports.page.build import html, page_of

__all__ = ["html", "page_of"]
