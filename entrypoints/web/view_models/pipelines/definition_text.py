"""Definitions as text on a page."""

MAX_SHOWN = 100_000
"""Characters of a definition that a page shows."""


def shorten_definition(text: str) -> str:
    """Return a definition's text for reading, cut to MAX_SHOWN characters with a line that says so."""
    if len(text) <= MAX_SHOWN:
        return text
    shown = text[: text.rfind("\n", 0, MAX_SHOWN) + 1] or text[:MAX_SHOWN] + "\n"
    return f"{shown}# {len(text) - len(shown):,} more characters. GET /pipelines/{{id}} returns the whole definition.\n"
