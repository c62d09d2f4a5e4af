"""Incidents, what rules remember of past runs, and the position of the process that judges runs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from domain.alerts.incident import Incident
from domain.alerts.incident_entry import IncidentEntry
from domain.alerts.rule_state import RuleKey, RuleState


class AlertPosition(NamedTuple):
    """The position up to which runs were judged. `cursor` is that of the change feed; None before the first time."""

    cursor: str | None


class GroupCount(NamedTuple):
    """The number of incidents that one message reports, and of those that are not resolved."""

    total: int
    unresolved: int


class Incidents(Protocol):
    """Incidents of pipelines and channels.

    Transactions take locks in this order: position, rows of pipelines, incidents, channels, deliveries. An incident is changed under its
    lock. Only the holder of the position opens incidents of pipelines and writes rule states; an incident of a channel is opened under
    the lock of the channel.
    """

    async def lock_position(self) -> AlertPosition | None:
        """Lock the position until the transaction ends. Return None, without waiting, if another process has locked it."""
        ...

    async def save_position(self, cursor: str) -> None:
        """Store the cursor of the locked position."""
        ...

    async def find_states(self, keys: Collection[RuleKey]) -> Mapping[RuleKey, RuleState]:
        """Return the states that are stored."""
        ...

    async def save_states(self, states: Sequence[RuleState]) -> None:
        """Store the states, in place of those with the same keys."""
        ...

    async def delete_states(self, pipeline_id: int, kept: Collection[str] = ()) -> None:
        """Delete the states of a pipeline's rules, except those of the rules with these keys."""
        ...

    async def delete_states_of_rule(self, rule_key: str) -> None:
        """Delete the states of a rule of all pipelines."""
        ...

    async def add(self, incidents: Sequence[Incident]) -> list[Incident]:
        """Store new incidents and return them with their ids, in this order.

        The transaction fails if an unresolved incident has the same pipeline, rule and concurrency key, or the same channel.
        """
        ...

    async def save(self, incidents: Sequence[Incident]) -> None:
        """Store changes of locked incidents. Kind, pipeline, channel, rule, concurrency key and opening do not change."""
        ...

    async def add_entries(self, entries: Sequence[IncidentEntry]) -> None:
        """Append to the timelines. Of repetitions, the first and the last of each incident are kept."""
        ...

    async def lock(self, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        """Lock the incidents that exist, until the transaction ends, and return them by id."""
        ...

    async def lock_unresolved(self, pipeline_id: int) -> Sequence[Incident]:
        """Lock the unresolved incidents of a pipeline, oldest first."""
        ...

    async def lock_unresolved_of_rule(self, rule_key: str) -> Sequence[Incident]:
        """Lock the unresolved incidents of a rule of all pipelines, oldest first."""
        ...

    async def find(self, incident_ids: Collection[int]) -> Mapping[int, Incident]:
        """Return the incidents that exist by id, without locks."""
        ...

    async def find_unresolved(self, keys: Collection[RuleKey]) -> Mapping[RuleKey, Incident]:
        """Return the unresolved incidents with these keys, without locks."""
        ...

    async def lock_unresolved_of_channel(self, channel_id: int) -> Incident | None:
        """Lock the unresolved incident of a channel, if it has one."""
        ...

    async def count_recent_openings(self, cause: str | None, since: datetime) -> int:
        """Return how many incidents with this cause, or any with None, opened at that time or later."""
        ...

    async def find_recent_group(self, cause: str | None, since: datetime) -> int | None:
        """Return the `group_id` of the newest grouped incident with this cause, or any, that opened at that time or later."""
        ...

    async def list_group(self, group_id: int, limit: int) -> Sequence[Incident]:
        """Return the first incidents with this `group_id`, oldest first."""
        ...

    async def count_group(self, group_id: int) -> GroupCount:
        """Count the incidents with this `group_id`."""
        ...

    async def add_link_use(self, delivery_id: int, action: str, now: datetime) -> bool:
        """Record that the link for this action in a delivery's message was used. Return False if it was before, or if the delivery does
        not exist."""
        ...

    async def is_link_used(self, delivery_id: int, action: str) -> bool:
        """Return True if `add_link_use` recorded a use."""
        ...
