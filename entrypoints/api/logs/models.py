"""Log lines, as the API returns them."""

from datetime import datetime
from typing import Literal

from pydantic import AliasChoices, Field

from entrypoints.api.shared.models import ResponseModel, with_example

LINE_STREAM_EXAMPLE = 'id: 1\nevent: line\ndata: {"n":1,"stream":"stdout","text":"336776 rows"}\n\n'


class LogLineResponse(ResponseModel):
    """One line of a stage's output."""

    model_config = with_example(
        {
            "n": 1,
            "at": "2026-11-23T09:00:00.420Z",
            "stream": "stdout",
            "text": "336776 rows",
            "stage": "extract",
            "attempt": 1,
            "unfinished": False,
        }
    )

    n: int = Field(description="1, 2, 3… within the run.")
    at: datetime
    stream: Literal["stdout", "stderr", "headgate"]
    text: str
    stage: str
    attempt: int
    unfinished: bool = Field(
        False,
        description="The line's end was not printed yet. Its text may change; `n` is the number of the line before it.",
        validation_alias=AliasChoices("unfinished", "is_unfinished"),
    )
