"""Concurrency limits of a definition, as the API returns them."""

from typing import Literal

from pydantic import Field

from entrypoints.api.shared.models import ResponseModel


class LimitKeyResponse(ResponseModel):
    """The parameter whose values a limit counts separately."""

    parameter: str


class ConcurrencyLimitResponse(ResponseModel):
    """A limit on the runs that are open at once. Without group and key, it counts the pipeline's runs."""

    limit: int | None = Field(description="The number of slots; null if another pipeline or an admin sets the group's limit.")
    group: str | None = None
    key: LimitKeyResponse | None = None
    when_full: Literal["queue", "skip", "cancel_running", "keep_newest"]
