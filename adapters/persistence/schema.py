"""Every table at once, for migrations."""

from __future__ import annotations

from adapters.persistence import tables, tables_access, tables_announcements, tables_delivery, tables_logs
from adapters.persistence.table_types import TableBase

METADATA = TableBase.metadata
MODULES = (tables, tables_access, tables_announcements, tables_delivery, tables_logs)
