"""Finds the failures that are similar to that of a run: the same error, apart from details, in the same stage of the pipeline."""

from typing import Final

from application.ports.queries.reader import Reader
from application.queries.views.history import FailureView
from application.queries.views.runs import RunView, StageRunView

SIMILAR_RUNS: Final = 100
"""The last runs of a pipeline in which failures are counted, once for each run."""


async def find_similar_failures(reader: Reader, run: RunView, stage: StageRunView) -> FailureView | None:
    """Return the failures like the last one of the stage; None if it has no error message, or if none of the last runs has failed so."""
    fingerprint = stage.newest.fingerprint
    if fingerprint is None:
        return None
    found = await reader.failures(run.pipeline_id, SIMILAR_RUNS)
    return next((each for each in found if (each.stage, each.fingerprint) == (stage.name, fingerprint)), None)


def describe_count(count: int) -> str:
    """Return how often a failure was seen, such as "seen 3 times in the last 100 runs"."""
    times = {0: "not seen", 1: "seen once"}.get(count, f"seen {count:,} times")
    return f"{times} in the last {SIMILAR_RUNS} runs"
