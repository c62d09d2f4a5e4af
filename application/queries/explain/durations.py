"""Durations as text."""

from datetime import datetime


def format_elapsed(later: datetime, earlier: datetime) -> str:
    return format_duration(abs((later - earlier).total_seconds()))


def format_duration(value: float) -> str:
    """Return a number of seconds as text: "30 ms", "0.4 s", "31 s", "2 m 14 s", "1 h 05 m", "3 d 4 h"."""
    if 0 < value < 0.1:
        return f"{max(1.0, value * 1_000):.0f} ms"
    if value < 10:
        return f"{value:.1f} s" if value % 1 and value < 9.95 else f"{value:.0f} s"
    total = round(value)
    minutes, seconds = divmod(total, 60)
    if total < 60:
        return f"{total} s"
    if total < 3_600:
        return f"{minutes} m {seconds:02d} s" if seconds else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} m" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
