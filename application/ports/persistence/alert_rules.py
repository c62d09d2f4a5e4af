"""Site rules in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.alerts.rule import AlertRule, SiteRule


@dataclass(frozen=True, slots=True)
class NewSiteRule:
    """A site rule that is not stored yet. Its rule has a name."""

    rule: AlertRule
    tags: tuple[str, ...]
    created_at: datetime
    created_by: str | None


class AlertRules(Protocol):
    """Site rules, by unique names."""

    async def add(self, new: NewSiteRule) -> SiteRule:
        """Store a new rule. Raise Conflict `alert_rule_exists` if the name is taken."""
        ...

    async def save(self, rule: SiteRule) -> None:
        """Store changes of a locked rule. Raise Conflict `alert_rule_exists` if another rule has its name."""
        ...

    async def delete(self, rule_id: int) -> None:
        """Delete a locked rule."""
        ...

    async def lock(self, name: str) -> SiteRule | None:
        """Lock the rule until the transaction ends."""
        ...

    async def list_all(self) -> Sequence[SiteRule]:
        """Return all site rules by name."""
        ...

    async def list_pipelines(self) -> Sequence[int]:
        """Return the ids of pipelines, except archived ones, whose rules send to a channel."""
        ...

    async def has_any(self) -> bool:
        """Return True if there is a site rule, or a pipeline whose rules send to a channel."""
        ...
