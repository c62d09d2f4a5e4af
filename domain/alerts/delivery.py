"""A delivery: one message on its way to one channel."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, Self

RETRY_DELAYS: Final = (5.0, 30.0, 120.0, 600.0, 1_800.0)
"""Seconds between the first tries. Afterwards, a delivery is tried every HOURLY_DELAY seconds."""
HOURLY_DELAY: Final = 3_600.0
GIVE_UP_AFTER: Final = timedelta(hours=24)
"""The time from the first try to the last one."""
JITTER: Final = 0.1
"""The largest part of a delay that is added at random, so that deliveries that failed together are not tried together."""
MAX_ERROR_LENGTH: Final = 500

HeldBy = Literal["quiet", "silence"]
Condition = Literal["open"]


class DeliveryState(StrEnum):
    """What became of a delivery."""

    SCHEDULED = "scheduled"
    """It is sent when it is due."""
    SENT = "sent"
    DEAD = "dead"
    """Headgate has given up. `last_error` is the reason."""
    DROPPED = "dropped"
    """It was not sent, because it no longer applied. `last_error` says why."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a channel. Its methods return changed copies.

    `held_by` is what delays the delivery until `due_at`. With `only_if` "open" it is dropped unless its incident is open then, without an
    acknowledgement or a snooze. A process that sends it has it leased until `leased_until`; a time in the past means that the message may
    have arrived, although no try succeeded.
    """

    id: int
    """0 until it is stored."""
    message_id: str
    incident_id: int | None
    channel_id: int
    due_at: datetime
    state: DeliveryState = DeliveryState.SCHEDULED
    tries: int = 0
    last_error: str | None = None
    first_tried_at: datetime | None = None
    sent_at: datetime | None = None
    held_by: HeldBy | None = None
    only_if: Condition | None = None
    leased_until: datetime | None = None

    def mark_sent(self, now: datetime) -> Self:
        return replace(self._end(DeliveryState.SENT, None), tries=self.tries + 1, first_tried_at=self.first_tried_at or now, sent_at=now)

    def drop(self, reason: str) -> Self:
        return self._end(DeliveryState.DROPPED, reason)

    def kill(self, reason: str) -> Self:
        """Give up without another try."""
        return self._end(DeliveryState.DEAD, reason)

    def hold(self, until: datetime, by: HeldBy, *, may_have_arrived_at: datetime | None = None) -> Self:
        """Delay the delivery. A time of holding does not count as a try."""
        return replace(self, due_at=until, held_by=by, leased_until=may_have_arrived_at)

    def reschedule(self, at: datetime, *, may_have_arrived_at: datetime | None = None) -> Self:
        """Make the delivery due at another time. A hold ends with it."""
        return replace(self, due_at=at, held_by=None, leased_until=may_have_arrived_at)

    def retry(
        self,
        reason: str,
        now: datetime,
        *,
        jitter: float,
        retry_after: float | None = None,
        is_permanent: bool = False,
        may_have_arrived: bool = False,
    ) -> Self:
        """Count a failed try. Schedule the next one, or give up if no retry can help or GIVE_UP_AFTER is over.

        Args:
            jitter: A random number from 0 to 1.
            retry_after: Seconds that the receiver asked for. The next try is not made before, except for the last one.
            may_have_arrived: True if this try or an earlier one ended without an answer.
        """
        tries, first = self.tries + 1, self.first_tried_at or now
        last_at = first + GIVE_UP_AFTER
        failed = replace(self, tries=tries, first_tried_at=first)
        if is_permanent or now >= last_at:
            return failed.kill(reason)
        delay = max(get_retry_delay(tries) * (1 + JITTER * jitter), retry_after or 0.0)
        due_at = last_at if delay >= (last_at - now).total_seconds() else now + timedelta(seconds=delay)
        leased_until = now if may_have_arrived else None
        return replace(failed, due_at=due_at, last_error=_shorten(reason), held_by=None, leased_until=leased_until)

    def _end(self, state: DeliveryState, reason: str | None) -> Self:
        return replace(self, state=state, last_error=_shorten(reason), held_by=None, leased_until=None)


def get_retry_delay(tries: int) -> float:
    """Return the seconds from a failed try to the next one. `tries` counts the failed ones, from 1."""
    return RETRY_DELAYS[tries - 1] if tries <= len(RETRY_DELAYS) else HOURLY_DELAY


def _shorten(reason: str | None) -> str | None:
    return reason if reason is None or len(reason) <= MAX_ERROR_LENGTH else reason[: MAX_ERROR_LENGTH - 1] + "…"
