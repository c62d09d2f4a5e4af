"""Events, as the API returns them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from domain.runs.status import Status
from entrypoints.api.shared.models import ResponseModel, with_example

EVENT_STREAM_EXAMPLE = (
    'id: 14\nevent: stage.moved\ndata: {"run_id":7,"seq":14,"type":"stage.moved","stage":"certify","status":"completed"}\n\n'
)
ALL_EVENTS_EXAMPLE = (
    'event: pipeline.changed\ndata: {"id":3,"type":"pipeline.changed","at":"2026-11-23T09:04:02Z","pipeline_id":1,"actor":"ada",'
    '"data":{"name":"flights","revision":2,"created":false}}\n\n'
    'id: 822:829:\nevent: run.opened\ndata: {"run_id":7,"seq":1,"type":"run.opened","pipeline_id":1}\n\n'
)


class EventResponse(ResponseModel):
    """An event in a run's history."""

    model_config = with_example(
        {
            "run_id": 7,
            "seq": 14,
            "type": "stage.moved",
            "at": "2026-11-23T09:04:11.201Z",
            "stage": "certify",
            "attempt": 1,
            "status": "completed",
            "actor": "auditor",
            "data": {"records_processed": 336776},
            "pipeline_id": 1,
        }
    )

    run_id: int
    seq: int = Field(description="1, 2, 3… within the run, without gaps.")
    type: str
    at: datetime
    stage: str | None
    attempt: int | None
    status: Status | None
    actor: str | None
    data: dict[str, Any]
    pipeline_id: int


class SiteEventResponse(ResponseModel):
    """An event that belongs to no run, of a pipeline or a schedule. Only the stream of all events has them."""

    id: int
    type: str
    at: datetime
    pipeline_id: int | None
    actor: str | None
    data: dict[str, Any]
