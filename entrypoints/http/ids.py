"""Numbers as they stand in addresses and forms."""

MAX_ID = 2**63 - 1


def parse_id(text: str) -> int | None:
    """The id that the text is; None for what the store could not hold as one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_ID else None
