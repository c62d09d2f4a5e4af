"""Probes' responses."""

from typing import Literal

from entrypoints.api.shared.models import ResponseModel, with_example


class LivenessResponse(ResponseModel):
    """The process responds."""

    model_config = with_example({"status": "alive"})

    status: Literal["alive"]


class WorkerCountsResponse(ResponseModel):
    """The workers seen within the last 15 seconds."""

    count: int
    slots: int
    free: int


class ReadinessResponse(ResponseModel):
    """Triggers are accepted. Prefect and the workers are reported for information only."""

    model_config = with_example({"status": "ready", "database": "up", "prefect": "up", "workers": {"count": 1, "slots": 4, "free": 4}})

    status: Literal["ready"]
    database: Literal["up"]
    prefect: Literal["up", "down"]
    workers: WorkerCountsResponse
