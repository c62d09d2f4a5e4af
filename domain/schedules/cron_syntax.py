"""The parts of cron's syntax that Headgate itself decides. A library, behind a port, validates the five fields."""

import re
from typing import Final

MAX_CRON_LENGTH: Final = 200
ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_OTHER_NAMES: Final = {"@midnight": "@daily", "@annually": "@yearly"}
_FIELD_COUNT: Final = 5
_POINTLESS_STEP: Final = re.compile(r"\b(\w+)-\1/\w+")


def find_cron_syntax_problem(expression: str) -> str | None:
    """Return what keeps a text from being five fields of cron, and what to write instead; None if nothing does."""
    if len(expression) > MAX_CRON_LENGTH:
        return f"must be at most {MAX_CRON_LENGTH} characters long"
    if not expression.isascii() or not expression.replace("\t", " ").isprintable():
        return "must be five fields of ASCII text on one line, such as 30 2 * * *"
    fields = expression.split()
    if expression.startswith("@"):
        return None if expression in ALIASES else _describe_unknown_alias(expression)
    if fields and "TZ=" in fields[0]:
        return "must not name a time zone; write it in the key timezone"
    if len(fields) in (6, 7):
        return "must have five fields, not six or seven: remove the seconds and the year, or use every for less than a minute"
    if len(fields) != _FIELD_COUNT:
        return "must have five fields: minute, hour, day of the month, month, day of the week, such as 30 2 * * *"
    if any("?" in field for field in fields):
        return "contains ?, which cron does not support; write * instead"
    if match := _POINTLESS_STEP.search(expression):
        return f"has {match[0]}, a range of one value with a step; write {match[1]}"
    if any(_is_hashed(field) for field in fields):
        return "contains H, which cron does not support; write a number, and use jitter to spread the load"
    return None


def expand_cron_alias(expression: str) -> str:
    """Return the five fields of an alias such as `@daily`; any other expression unchanged."""
    return ALIASES.get(expression, expression)


def is_at_fixed_times(expression: str) -> bool:
    """Return True if minute and hour are fixed; a tick that a clock change skips then fires after it, as Debian's cron does."""
    minute, hour, *_ = expand_cron_alias(expression).split()
    return not minute.startswith("*") and not hour.startswith("*")


def _describe_unknown_alias(expression: str) -> str:
    if expression == "@reboot":
        return "@reboot is not supported; trigger the pipeline through the API when the machine starts"
    if expression.lower() in ALIASES:
        return f"write {expression.lower()}, in lower case"
    if expression in _OTHER_NAMES:
        return f"write {_OTHER_NAMES[expression]} instead"
    return "must be five fields, or one of " + ", ".join(ALIASES)


def _is_hashed(field: str) -> bool:
    return field[0] in "Hh" and (len(field) == 1 or field[1] in "/(,")
