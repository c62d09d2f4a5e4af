"""Replace the names of runs in reports by their ids. The rest of a report's path, such as its digest, sees only ids."""

from collections.abc import Iterable, Mapping
from typing import Any

from application.commands.reports.status_update import StatusUpdate
from application.ports.queries.reader import Reader


async def find_named_runs(reader: Reader, updates: Iterable[object]) -> Mapping[str, int]:
    """Return the ids of the runs that the updates name, by name. Updates with ids cost no query."""
    names = {update.unknown_run for update in updates if isinstance(update, StatusUpdate) and update.unknown_run is not None}
    found = await reader.find_run_ids(names) if names else {}
    return {str(name): run_id for name, run_id in found.items()}


def replace_run_name(raw: Any, run_ids: Mapping[str, int]) -> Any:
    """Return the report with the id of the run that it names. A report that names none of these runs stays as it is."""
    name = raw.get("run_id") if isinstance(raw, dict) else None
    return raw | {"run_id": run_ids[name]} if isinstance(name, str) and name in run_ids else raw
