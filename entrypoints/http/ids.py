"""Ids in paths and forms."""

MAX_ID = 2**63 - 1


def parse_id(text: str) -> int | None:
    """Return the id; None if the text is not a whole number from 0 that the database can store."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_ID else None
