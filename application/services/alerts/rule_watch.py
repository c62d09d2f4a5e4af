"""What a process knows of the rules that exist, so that it reads only the events that they need."""

from datetime import datetime, timedelta
from typing import Final

from application.ports.persistence.unit_of_work import UnitOfWork
from domain.alerts.rule import AlertEvent, AlertRule

MAX_AGE: Final = timedelta(seconds=10)


class RuleWatch:
    """Whether there are rules, and whether any reports approvals. It is read again after MAX_AGE, and when rules changed."""

    def __init__(self) -> None:
        self.has_rules = True
        self.has_waits = True
        self._read_at: datetime | None = None

    def expire(self) -> None:
        self._read_at = None

    async def refresh(self, work: UnitOfWork, now: datetime, *, is_due: bool = False) -> None:
        """Read the rules again if they were read too long ago, or if `is_due`."""
        if not is_due and self._read_at is not None and now - self._read_at < MAX_AGE:
            return
        self.has_rules = await work.alert_rules.has_any()
        self.has_waits = self.has_rules and any(AlertEvent.WAITING in rule.on for rule in await _list_rules(work))
        self._read_at = now


async def _list_rules(work: UnitOfWork) -> list[AlertRule]:
    pipelines = await work.pipelines.find_many(await work.alert_rules.list_pipelines())
    own = [rule for pipeline in pipelines.values() for rule in pipeline.definition.alerts]
    return own + [each.rule for each in await work.alert_rules.list_all()]
