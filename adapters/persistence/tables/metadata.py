"""Every table at once, for migrations."""

from __future__ import annotations

from adapters.persistence.tables import access, dispatches, logs, runs, sink_positions
from adapters.persistence.tables.base import TableBase

METADATA = TableBase.metadata
MODULES = (runs, access, sink_positions, dispatches, logs)
