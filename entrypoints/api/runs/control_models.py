"""Actions on runs and stages, as the API takes and answers them."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from application.commands.runs.apply_run_action import RunActionResult
from domain.runs.status import Status
from entrypoints.api.runs.models import LINKS_EXAMPLE, build_run_links
from entrypoints.api.shared.models import Comment, RequestModel, ResponseModel, StageName, with_example


class RetryRequest(RequestModel):
    """The stages to retry, and the revision with which the run continues."""

    model_config = with_example({"stages": ["publish"], "revision": "same"})

    stages: Annotated[list[StageName], Field(min_length=1, max_length=500)] | None = Field(
        None, description="If omitted, all stages that failed, were lost or were cancelled."
    )
    revision: Literal["same", "newest"] = Field(
        "same", description="`newest` continues with the pipeline's newest revision, if it matches the run."
    )


class RepeatRequest(RequestModel):
    """The parameters of the new run."""

    model_config = with_example({"parameters": {"month": 7}})

    parameters: dict[str, Any] | None = Field(None, description="If omitted, those of the earlier run.")


class SkipRequest(RequestModel):
    """Why a stage is skipped."""

    model_config = with_example({"message": "Published by hand."})

    message: Comment | None = Field(None, description="Shown in the run's history.")


class ApproveRequest(RequestModel):
    """An approval's comment and fields."""

    model_config = with_example({"comment": "The figures are right.", "fields": {"ticket": "OPS-7"}})

    comment: Comment | None = None
    fields: dict[str, Any] | None = Field(None, description="Validated against the approval's fields; passed to the stages after it.")


class RejectRequest(RequestModel):
    """Why a stage is rejected."""

    model_config = with_example({"comment": "June is missing."})

    comment: Comment | None = None


class StartOverLimitRequest(RequestModel):
    """The stage that starts, if the run itself does not wait."""

    model_config = with_example({"stage": "load"})

    stage: StageName | None = Field(None, description="If omitted, everything in the run that waits for a slot.")


class RunControlResponse(ResponseModel):
    """The run after an action. `applied` is false if the action had been applied already; `stages` are those it concerns."""

    model_config = with_example(
        {
            "run_id": 7,
            "number": 3,
            "pipeline": "flights",
            "status": "running",
            "stages": ["publish"],
            "applied": True,
            "links": LINKS_EXAMPLE,
        }
    )

    run_id: int
    number: int
    pipeline: str = Field(description="The pipeline's name.")
    status: Status
    stages: list[str]
    applied: bool
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: RunActionResult) -> Self:
        """Build the response from the use case's result."""
        return cls(
            run_id=view.run_id,
            number=view.number,
            pipeline=view.pipeline,
            status=view.status,
            stages=list(view.stages),
            applied=view.applied,
            links=build_run_links(view.run_id, view.pipeline_id),
        )
