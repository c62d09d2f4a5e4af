"""Lists of names in sentences."""

from collections.abc import Sequence

NAMES_SHOWN = 3
MAX_CHOICES_NAMED = 10
"""Names that a message lists for a person to choose from."""


def format_names(names: Sequence[str], *, shown: int = NAMES_SHOWN, last: str = "and") -> str:
    """Return "a", "a and b", "a, b and c", or "a, b, c and 70 more". `last` joins the last of few names."""
    if len(names) > shown:
        return f"{', '.join(names[:shown])} {last} {len(names) - shown:,} more"
    return f" {last} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def format_path(names: Sequence[str]) -> str:
    """Return "a → b → c → a", and of a long path the first names and the last one."""
    shown = [*names[: NAMES_SHOWN + 1], "…", names[-1]] if len(names) > NAMES_SHOWN + 3 else names
    return " → ".join(shown)
