"""Do at once what the background services of the web process do on their own schedule."""

from application.services.maintenance.retention_pruner import PruneResult
from entrypoints.cli.actions.database import open_database
from entrypoints.cli.actions.local_application import run_with_application
from entrypoints.settings import Settings


def prune_database() -> list[str]:
    """Delete everything past its retention. Return a line for each change."""
    with open_database(Settings.read()) as settings:
        return format_prune_result(run_with_application(settings, lambda application: application.retention_pruner().prune()))


def release_quarantine() -> str:
    """Make every quarantined dispatch due for Prefect now. Return a line with their number."""
    with open_database(Settings.read()) as settings:
        released = run_with_application(settings, lambda application: application.release_quarantine()())
    return f"{released} released from quarantine, due now." if released else "No dispatches are in quarantine."


def format_prune_result(result: PruneResult) -> list[str]:
    """Return a line for each partition and each kind of row, or one line that says there was nothing to do."""
    lines = [f"dropped {name}" for name in result.dropped] + [f"created {name}" for name in result.made]
    counts = {
        "removed schedules": result.schedules,
        "backfills": result.backfills,
        "resolved incidents and old messages": result.alerts,
        "events of pipelines": result.site_events,
        "report receipts": result.receipts,
        "idempotency records": result.answers,
        "workers that left": result.workers,
        "limits of groups that nothing uses": result.groups,
    }
    lines += [f"deleted {count:,} {what}" for what, count in counts.items() if count]
    return lines or ["Nothing to delete."]
