"""The flow that Prefect's own worker runs for the comparison: its first line writes the time."""

import time
from pathlib import Path

from prefect import flow


@flow  # type: ignore[untyped-decorator]
def first_line(mark: str) -> None:
    now = time.time_ns()
    Path(mark).write_text(f"{now}\n")
