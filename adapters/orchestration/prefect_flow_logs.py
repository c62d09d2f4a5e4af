"""Read the log of a flow run from Prefect, in order, although its processes deliver their messages late and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.orchestration.prefect_api_client import RECORDS_PER_REQUEST, PrefectApiClient
from adapters.orchestration.prefect_responses import to_log_line
from application.ports.dispatch.deployments import FlowLogLine, FlowLogPage, FlowLogPosition
from application.ports.system.clock import Clock

PATH: Final = "/logs/filter"
SETTLE: Final = timedelta(seconds=3)
"""The age at which messages are read while the flow run is not over. Prefect's processes deliver theirs every 2 s."""
OVERLAP: Final = timedelta(seconds=10)
"""How far behind the last message it is read again, for messages of processes that deliver later than others."""
MAX_REMEMBERED: Final = 400
"""The number of messages at which the overlap becomes shorter."""
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024


class FlowLogReader:
    """Reads messages from the start of the position on, and leaves out those that were read already."""

    def __init__(self, client: PrefectApiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def read(self, flow_run_id: str, position: FlowLogPosition, *, is_over: bool) -> FlowLogPage:
        body = {"logs": _build_filter(flow_run_id, position, None if is_over else self._clock.now() - SETTLE), "sort": "TIMESTAMP_ASC"}
        seen: dict[str, FlowLogLine] = {}
        fresh: list[FlowLogLine] = []
        offset, has_more = 0, True
        while has_more and len(fresh) < RECORDS_PER_REQUEST:
            page = await self._client.read_page(PATH, body, offset, MAX_PAGE_BYTES)
            lines = self._client.parse(PATH, lambda records: [to_log_line(record) for record in records], page.records)
            fresh += [line for line in lines if line.id not in position.read_ids and line.id not in seen]
            seen |= {line.id: line for line in lines}
            offset, has_more = page.next_offset, page.has_more
        return FlowLogPage(sorted(fresh, key=_sort_key), _move(position, list(seen.values())), has_more)


def _build_filter(flow_run_id: str, position: FlowLogPosition, until: datetime | None) -> dict[str, Any]:
    times = {}
    if position.at is not None:
        times["after_"] = position.at.isoformat()
    if until is not None:
        times["before_"] = until.isoformat()
    return {"flow_run_id": {"any_": [flow_run_id]}, **({"timestamp": times} if times else {})}


def _move(position: FlowLogPosition, seen: Sequence[FlowLogLine]) -> FlowLogPosition:
    """Return the position after the lines, all of which are at or after the present one."""
    if not seen:
        return position
    lines = sorted(seen, key=_sort_key)
    start = lines[-1].at - OVERLAP
    if position.at is not None:
        start = max(start, position.at)
    if len(lines) > MAX_REMEMBERED:
        start = max(start, lines[-MAX_REMEMBERED].at)
    later = position.read_ids - {line.id for line in lines}  # read earlier than a message that was delivered late
    return FlowLogPosition(start, later | {line.id for line in lines if line.at >= start})


def _sort_key(line: FlowLogLine) -> tuple[datetime, str]:
    return line.at, line.id
