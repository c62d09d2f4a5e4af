"""Cron expressions with the cronsim package, which follows Debian's cron.

Only local times without a zone are given to it. With one, it loses ticks after clock changes of half an hour (Australia/Lord_Howe).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cronsim import CronSim, CronSimError

from domain.schedules.cron_syntax import expand_cron_alias, find_cron_syntax_problem

_ANY_TIME: Final = datetime(2000, 1, 1)
_FIELDS: Final = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31 or L for the last day",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 or SUN to SAT",
}
"""The fields as cronsim's errors name them, and their values."""


class CronsimExpressions:
    def find_problem(self, expression: str) -> str | None:
        if problem := find_cron_syntax_problem(expression):
            return problem
        fields = expand_cron_alias(expression)
        try:
            found = next(CronSim(fields, _ANY_TIME), None)
        except CronSimError as error:
            return _describe_error(str(error), fields)
        return None if found else "matches no day in the next 50 years"

    def iterate(self, expression: str, after: datetime) -> Iterator[datetime]:
        return CronSim(expand_cron_alias(expression), after)

    def explain(self, expression: str) -> str:
        return CronSim(expand_cron_alias(expression), _ANY_TIME).explain()


def _describe_error(message: str, fields: str) -> str:
    name = message.removeprefix("Bad ")
    if name not in _FIELDS:
        return "must be five valid fields, such as 30 2 * * *"
    written = fields.split()
    if name == "day-of-month" and _is_valid(" ".join([*written[:3], "*", written[4]])):
        return "matches no day: its months do not have that many days"
    value = written[list(_FIELDS).index(name)]
    written_name = name.replace("-", " ").replace(" of", " of the")
    return f"has an invalid {written_name}, {value:.60}; write * or {_FIELDS[name]}, also as 1,2 or 1-5 or */2"


def _is_valid(fields: str) -> bool:
    try:
        CronSim(fields, _ANY_TIME)
    except CronSimError:
        return False
    return True
