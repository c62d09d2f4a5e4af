"""When to look at deliveries again: sending writes no event."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from application.queries.views.alerts import DeliveryView
from domain.alerts.delivery import DeliveryState

SOON: Final = timedelta(seconds=30)
SOON_SECONDS: Final = 3.0
LATER_SECONDS: Final = 30.0


def find_refresh(deliveries: Sequence[DeliveryView], now: datetime) -> float | None:
    """Return the seconds until a page shows the deliveries again: a few if one is about to be sent; None if none waits."""
    due = [each.due_at for each in deliveries if each.state is DeliveryState.SCHEDULED]
    if not due:
        return None
    return SOON_SECONDS if min(due) <= now + SOON else LATER_SECONDS
