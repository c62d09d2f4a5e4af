"""Pages look at deliveries again while one waits."""

from datetime import UTC, datetime, timedelta

import pytest

from application.queries.views.alerts import DeliveryView
from domain.alerts.delivery import DeliveryState
from domain.alerts.message import MessageKind
from entrypoints.web.live.alerts.delivery_refresh import LATER_SECONDS, SOON_SECONDS, find_refresh

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def a_delivery(state: DeliveryState, due_in: float = 0.0) -> DeliveryView:
    return DeliveryView(1, 1, MessageKind.OPENED, "a subject", "team", state, NOW + timedelta(seconds=due_in))


@pytest.mark.parametrize(
    ("deliveries", "seconds"),
    [
        ([], None),
        ([a_delivery(DeliveryState.SENT), a_delivery(DeliveryState.DEAD), a_delivery(DeliveryState.DROPPED)], None),
        ([a_delivery(DeliveryState.SCHEDULED)], SOON_SECONDS),
        ([a_delivery(DeliveryState.SCHEDULED, -60)], SOON_SECONDS),
        ([a_delivery(DeliveryState.SCHEDULED, 1_800)], LATER_SECONDS),
        ([a_delivery(DeliveryState.SCHEDULED, 1_800), a_delivery(DeliveryState.SCHEDULED, 5)], SOON_SECONDS),
    ],
)
def test_a_page_is_rendered_again_soon_if_a_message_is_about_to_be_sent(deliveries: list[DeliveryView], seconds: float | None) -> None:
    assert find_refresh(deliveries, NOW) == seconds
