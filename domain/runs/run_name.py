"""The name of a run: `etl#12` is run 12 of the pipeline etl."""

import re
from dataclasses import dataclass

from domain.pipelines.field_parser import NAME

RUN_NAME = re.compile(rf"({NAME.pattern})#([1-9][0-9]{{0,17}})")


@dataclass(frozen=True, slots=True)
class RunName:
    """A pipeline's name and the number of one of its runs. `str()` gives the name that people read and copy."""

    pipeline: str
    number: int

    def __str__(self) -> str:
        return f"{self.pipeline}#{self.number}"


def parse_run_name(text: str) -> RunName | None:
    """Return the name in a text such as `etl#12`; None if it is not a run's name."""
    found = RUN_NAME.fullmatch(text)
    return RunName(found[1], int(found[2])) if found else None


def is_run_reference(text: str) -> bool:
    """True for the name or the id of a run. A pipeline's name is neither: it begins with a letter and contains no `#`."""
    return "#" in text or (text.isascii() and text.isdigit())
