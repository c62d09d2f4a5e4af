"""Log lines, as the API returns them."""

from dataclasses import replace
from datetime import datetime
from typing import Literal, Self

from pydantic import AliasChoices, Field

from application.queries.views.logs import LogLineView
from entrypoints.api.shared.models import ResponseModel, with_example

TEXT_EXAMPLE = "2026-11-23T09:00:00.420Z  extract[1] stdout  336776 rows\n"
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
            "order_approximate": False,
        }
    )

    n: int = Field(description="1, 2, 3… within the run.")
    at: datetime
    stream: Literal["stdout", "stderr", "headgate"]
    text: str = Field(description="Without colours, unless `raw` is true.")
    stage: str
    attempt: int
    unfinished: bool = Field(
        False,
        description="The line's end was not printed yet. Its text may change; `n` is the number of the line before it.",
        validation_alias=AliasChoices("unfinished", "is_unfinished"),
    )
    order_approximate: bool = Field(
        False,
        description="The order of this line and its neighbours of the other stream is not certain.",
        validation_alias=AliasChoices("order_approximate", "is_order_approximate"),
    )

    @classmethod
    def from_line(cls, line: LogLineView, *, is_raw: bool) -> Self:
        """Return the line without colours; with those that it was written with if `is_raw`."""
        text = line.text if is_raw else line.plain_text
        return cls.from_view(line if text == line.text else replace(line, text=text))
