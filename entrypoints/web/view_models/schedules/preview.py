"""The next times of schedules that are being written."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.schedules.definition_preview import SchedulePreview
from domain.schedules.words import ExplainCron, describe_recurrence
from entrypoints.web.view_models.schedules.next_times import NextTime, build_next_times
from entrypoints.web.view_models.schedules.schedule_item import describe_options


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """A schedule in words, with its next times."""

    name: str
    words: str
    options: str
    zone: str
    next_times: Sequence[NextTime]


def build_preview(previews: Sequence[SchedulePreview], explain_cron: ExplainCron) -> list[PreviewItem]:
    """Return an item for each schedule."""
    return [
        PreviewItem(
            name=preview.schedule.name,
            words=describe_recurrence(preview.schedule.recurrence, explain_cron),
            options=" · ".join(describe_options(preview.schedule)),
            zone=preview.schedule.recurrence.timezone,
            next_times=build_next_times(preview.ticks),
        )
        for preview in previews
    ]
