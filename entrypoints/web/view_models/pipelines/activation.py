"""Whether a pipeline is paused or archived, as pages show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.pipelines.activation import Activation
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp

PAUSE_CHOICES: Final = {
    "": "Until resumed",
    "1": "1 hour",
    "4": "4 hours",
    "24": "1 day",
    "72": "3 days",
    "168": "1 week",
}
"""How long a pause may last, in hours, as the form offers it."""


@dataclass(frozen=True, slots=True)
class ActivationLabel:
    """Since when and by whom a pipeline is paused and archived; without a time it is not."""

    paused_since: Timestamp | None
    paused_by: str | None
    paused_until: Timestamp | None
    archived_since: Timestamp | None
    archived_by: str | None


def build_activation_label(activation: Activation, now: datetime) -> ActivationLabel:
    """Return what a page shows at this time. A pause that is over is not shown."""
    is_paused = activation.is_paused(now)
    return ActivationLabel(
        paused_since=format_timestamp(activation.paused_at) if is_paused else None,
        paused_by=activation.paused_by if is_paused else None,
        paused_until=format_timestamp(activation.paused_until) if is_paused else None,
        archived_since=format_timestamp(activation.archived_at),
        archived_by=activation.archived_by,
    )


def parse_pause_choice(text: str, now: datetime) -> datetime | None:
    """Return the end of the pause that was chosen; None until it is resumed. Raise ValueError for another choice."""
    if text not in PAUSE_CHOICES:
        raise ValueError(text)
    return now + timedelta(hours=int(text)) if text else None
