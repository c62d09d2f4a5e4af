"""Durations in definitions: seconds, or texts such as `90s`, `15m`, `24h` and `1h30m`."""

import math
import re
from typing import Final

DURATION: Final = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,6})?)s)?")
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60))


def parse_duration(value: object) -> float | None:
    """Return the seconds of a number or of a text such as `90s`; None for anything else. A number may be negative."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            return None
        return seconds if math.isfinite(seconds) else None
    match = DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def format_duration(seconds: float) -> str:
    """Return the shortest text for at least 0 seconds that `parse_duration` reads, such as `1h30m`."""
    written, left = "", round(seconds, 6)
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        written += f"{count:.0f}{unit}" if count else ""
    rest = f"{left:.6f}".rstrip("0").rstrip(".")
    return f"{written}{rest}s" if rest != "0" or not written else written
