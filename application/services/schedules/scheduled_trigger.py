"""Builds the triggers of scheduled runs."""

from datetime import datetime

from application.commands.runs.run_opener import TriggerCommand
from application.ports.persistence.schedules import StoredSchedule
from domain.access.actor import Actor
from domain.runs.trigger import SCHEDULE, Trigger
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick_parameters import resolve_tick_parameters
from domain.schedules.ticks import get_zone


def build_trigger(schedule: StoredSchedule, definition: ScheduleDefinition, due_at: datetime) -> TriggerCommand:
    """Return the trigger of the run that a tick opens."""
    return TriggerCommand(
        schedule.pipeline_id,
        resolve_tick_parameters(definition.parameters, due_at, get_zone(definition.recurrence)),
        Trigger(SCHEDULE, schedule.name, schedule_id=schedule.id, scheduled_for=due_at),
        actor=Actor(schedule.name, auth_method=SCHEDULE),
    )
