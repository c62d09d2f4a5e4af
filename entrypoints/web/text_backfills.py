"""Backfills as plain text, for terminals."""

from collections.abc import Sequence

from entrypoints.text_tables import format_table, replace_unprintable
from entrypoints.web.view_models.backfills.page import BackfillItem, BackfillPage


def format_backfills(backfills: Sequence[BackfillItem]) -> str:
    """Return the list of backfills."""
    lines: list[Sequence[object]] = [("ID", "PIPELINE", "TICKS OF", "SPAN", "STATE", "PROGRESS")]
    lines += [(each.id, each.pipeline, each.what, each.span, each.state.word, each.summary) for each in backfills]
    return format_table(lines, numbers=(0,)) if backfills else "No backfill was started.\n"


def format_backfill(page: BackfillPage) -> str:
    """Return a backfill with its ticks."""
    item = page.item
    head = [f"Backfill {item.id} of {item.pipeline}, {item.what}, {item.span}: {item.state.word}", item.summary, item.message]
    rows: list[Sequence[object]] = [("N", "SCHEDULED FOR", "STATE", "RUN", "")]
    rows += [(tick.position, tick.due.long if tick.due else "", tick.label.word, tick.run, tick.message) for tick in page.ticks]
    return "\n".join([*(replace_unprintable(line) for line in head if line), "", format_table(rows, numbers=(0,))])
