"""Concurrency limits of a definition, as the API returns them."""

from typing import Literal

from pydantic import Field

from entrypoints.api.shared.models import ResponseModel


class LimitKeyResponse(ResponseModel):
    """Whose values a limit counts on their own."""

    parameter: str


class ConcurrencyLimitResponse(ResponseModel):
    """A limit of the runs that are open at once. Without group and key, it counts the pipeline's runs."""

    limit: int | None = Field(description="The number of slots; null if another pipeline or an administrator gives the group's limit.")
    group: str | None = None
    key: LimitKeyResponse | None = None
    when_full: Literal["queue", "skip", "cancel_running", "keep_newest"]
