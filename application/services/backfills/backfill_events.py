"""The event that announces a new state or progress of a backfill."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from domain.backfills.backfill import Backfill
from domain.site_events import SiteEvent, SiteEventType


def build_backfill_event(backfill: Backfill, now: datetime, actor: str | None = None) -> SiteEvent:
    """Return the event of a backfill that was stored."""
    data: dict[str, Any] = {"backfill_id": backfill.id, "state": backfill.state.value, **asdict(backfill.progress)}
    return SiteEvent(SiteEventType.BACKFILL_CHANGED, now, backfill.pipeline_id, actor, data)
