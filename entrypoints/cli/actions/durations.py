"""Durations as people type them."""


def to_duration(text: str) -> float | str:
    """Return the seconds of a plain number, and any other text as it is: the API reads `2h`, and says what is wrong with others."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 16 else text
