"""Times in the zone of this machine."""

from datetime import datetime


def format_local(timestamp: str) -> str:
    """Return such as `2026-11-29 14:30 CET` for a time of the API."""
    return f"{datetime.fromisoformat(timestamp).astimezone():%Y-%m-%d %H:%M %Z}"
