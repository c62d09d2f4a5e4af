"""The flow that Prefect's worker runs for the tests. It does what its parameter says, and imports no test."""

import time
from pathlib import Path

from prefect import flow, get_run_logger, pause_flow_run
from prefect.artifacts import create_markdown_artifact, create_table_artifact


@flow(persist_result=True, result_serializer="json", log_prints=True)  # type: ignore[untyped-decorator]
def act(behavior: str, folder: str = "", count: int = 2) -> dict[str, object]:
    """Complete, fail, pause, or wait until the folder has a file named `release`."""
    logger = get_run_logger()
    logger.info("begins to %s", behavior)
    match behavior:
        case "complete":
            logger.warning("one line\nand another")
            create_table_artifact([{"city": "Oslo", "hours": 18.4}], key="daylight", description="Hours of daylight")
            create_markdown_artifact("**Oslo**", key="longest-day")
        case "fail":
            raise ValueError("no such customer")
        case "pause":
            pause_flow_run(timeout=600, poll_interval=1)
        case "wait":
            while not (Path(folder) / "release").exists():
                time.sleep(0.1)
    print("ends")
    return {"count": count}
