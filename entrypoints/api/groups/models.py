"""Concurrency groups, as the API takes and returns them."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import Field

from application.queries.views.groups import GroupDetailView, GroupUseView, GroupView, SlotHolderView, SlotWaitView
from domain.concurrency.parsing import MAX_LIMIT
from entrypoints.api.shared.models import RequestModel, ResponseModel, with_example
from entrypoints.http.base_path import link

_EXAMPLE: Final = {
    "name": "warehouse",
    "limit": 4,
    "set_by": None,
    "set_at": None,
    "held": 4,
    "waiting": 1,
    "pipelines": [{"pipeline_id": 1, "pipeline": "sales", "limit": 4, "by_run": True, "stages": 0}],
    "links": {"self": "/groups/warehouse", "page": "/ui/groups/warehouse"},
}


class GroupLimitRequest(RequestModel):
    """A group's limit."""

    model_config = with_example({"limit": 6})

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] | None = Field(description="`null` restores the limit of the definitions.")


class GroupUseResponse(ResponseModel):
    """How a pipeline uses a group."""

    pipeline_id: int
    pipeline: str
    limit: int | None = Field(description="The limit that the pipeline's definition sets for the group.")
    by_run: bool = Field(description="True if each of its runs holds a slot.")
    stages: int = Field(description="The number of its stages that hold a slot while they run.")

    @classmethod
    def from_view(cls, view: GroupUseView) -> Self:
        """Build the response of a pipeline's use of a group."""
        return cls(pipeline_id=view.pipeline_id, pipeline=view.pipeline, limit=view.limit, by_run=view.by_run, stages=view.stages)


class GroupResponse(ResponseModel):
    """A group whose slots several pipelines share."""

    model_config = with_example(_EXAMPLE)

    name: str
    limit: int | None = Field(description="Maximum number of slots in use; null if there is no limit.")
    set_by: str | None = Field(description="The admin who set the limit; null if a pipeline's definition sets it.")
    set_at: datetime | None
    held: int = Field(description="Slots in use, also those over the limit.")
    waiting: int = Field(description="Runs and stages that wait for a slot.")
    pipelines: list[GroupUseResponse]
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: GroupView) -> Self:
        """Build the response of a group."""
        return cls(
            name=view.name,
            limit=view.limit,
            set_by=view.set_by,
            set_at=view.set_at,
            held=view.held,
            waiting=view.waiting,
            pipelines=[GroupUseResponse.from_view(use) for use in view.pipelines],
            links={"self": link(f"/groups/{view.name}"), "page": link(f"/ui/groups/{view.name}")},
        )


class SlotHolderResponse(ResponseModel):
    """A run, or one stage of it, that holds a slot."""

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    stage: str | None = Field(description="Null if the run itself holds the slot.")
    taken_at: datetime
    over_limit: bool = Field(description="True if a user started it although the limit was reached.")

    @classmethod
    def from_view(cls, view: SlotHolderView) -> Self:
        """Build the response of a holder."""
        return cls(
            run_id=view.run_id,
            number=view.number,
            pipeline_id=view.pipeline_id,
            pipeline=view.pipeline,
            stage=view.stage,
            taken_at=view.taken_at,
            over_limit=view.over_limit,
        )


class SlotWaitResponse(ResponseModel):
    """A run, or one stage of it, that waits for a slot."""

    position: int = Field(description="The place in line, from 1.")
    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    stage: str | None = Field(description="Null if the run itself waits.")
    priority: int
    waits_since: datetime

    @classmethod
    def from_view(cls, view: SlotWaitView) -> Self:
        """Build the response of a request that waits."""
        return cls(
            position=view.position_in_line,
            run_id=view.run_id,
            number=view.number,
            pipeline_id=view.pipeline_id,
            pipeline=view.pipeline,
            stage=view.stage,
            priority=view.priority,
            waits_since=view.waits_since,
        )


class GroupDetailResponse(GroupResponse):
    """A group with the holders of its slots, the longest first, and the queue in the order in which slots are granted."""

    model_config = with_example(
        {
            **_EXAMPLE,
            "holders": [
                {
                    "run_id": 7,
                    "number": 12,
                    "pipeline_id": 1,
                    "pipeline": "sales",
                    "stage": None,
                    "taken_at": "2026-11-29T10:04:00Z",
                    "over_limit": False,
                }
            ],
            "queue": [
                {
                    "position": 1,
                    "run_id": 11,
                    "number": 16,
                    "pipeline_id": 1,
                    "pipeline": "sales",
                    "stage": None,
                    "priority": 0,
                    "waits_since": "2026-11-29T10:06:00Z",
                }
            ],
        }
    )

    holders: list[SlotHolderResponse] = Field(description="At most 1,000.")
    queue: list[SlotWaitResponse] = Field(description="At most 1,000.")

    @classmethod
    def from_detail(cls, view: GroupDetailView) -> Self:
        """Build the response of a group with its holders and its queue."""
        return cls(
            **GroupResponse.from_view(view.group).model_dump(),
            holders=[SlotHolderResponse.from_view(holder) for holder in view.holders],
            queue=[SlotWaitResponse.from_view(wait) for wait in view.waiting],
        )
