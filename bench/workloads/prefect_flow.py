"""The flow that Prefect's own worker runs for the comparison. Its first statement reads the clock."""

import time
from pathlib import Path

from prefect import flow


@flow  # type: ignore[untyped-decorator]
def write_start_time(file: str) -> None:
    """Write the time of the first statement to the file, in nanoseconds."""
    now = time.time_ns()
    Path(file).write_text(f"{now}\n")
