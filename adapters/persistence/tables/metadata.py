"""The metadata of all tables, for migrations."""

from __future__ import annotations

from adapters.persistence.tables import (
    access,
    answers,
    backfills,
    channels,
    concurrency,
    deliveries,
    dispatches,
    flow_runs,
    incidents,
    installation,
    logs,
    pipelines,
    runs,
    schedules,
    sink_positions,
    site_events,
    workers,
)
from adapters.persistence.tables.base import TableBase

METADATA = TableBase.metadata
MODULES = (
    access,
    answers,
    backfills,
    channels,
    concurrency,
    deliveries,
    dispatches,
    flow_runs,
    incidents,
    installation,
    logs,
    pipelines,
    runs,
    schedules,
    sink_positions,
    site_events,
    workers,
)
"""Importing a module adds its tables to the metadata."""
