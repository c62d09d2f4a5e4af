"""The rules of buckets and limits, written a second time: which slots a run or stage needs, and which limit is in force."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from domain.runs.run import Run

RUN = -1
"""The position under which a run's own slots are stored."""
Buckets = Mapping[str, str]
"""The name of each bucket's limit, by the name of the bucket."""


def list_run_buckets(tables: Any, run: Run) -> Buckets:
    """Return the buckets that the run needs a slot of."""
    found = {}
    for entry in tables.revisions[run.pipeline_id, run.revision].concurrency:
        limit_name = get_limit_name(run.pipeline_id, entry)
        found[limit_name + _get_key_suffix(entry, run.parameters)] = limit_name
    return found


def list_stage_buckets(tables: Any, run: Run, stage: str) -> Buckets:
    """Return the buckets that the stage needs a slot of."""
    definition = next(each for each in tables.revisions[run.pipeline_id, run.revision].stages if each.name == stage)
    return {f"group:{group}": f"group:{group}" for group in definition.uses}


def get_limit_name(pipeline_id: int, entry: Any) -> str:
    if entry.group is not None:
        return f"group:{entry.group}"
    return f"pipeline:{pipeline_id}" + (f":{entry.key}" if entry.key is not None else "")


def list_limits(tables: Any) -> dict[str, int]:
    """Return all limits in force: those of the newest revisions, and those of groups that a person set."""
    limits: dict[str, int] = {}
    for pipeline in tables.pipelines.values():
        if pipeline.deleting_at is None:
            for entry in tables.revisions[pipeline.id, pipeline.revision].concurrency:
                if entry.limit is not None:
                    limits[get_limit_name(pipeline.id, entry)] = entry.limit
    for name, row in tables.limits.items():
        if row.set_by is not None:
            limits[name] = row.limit
    return limits


def list_entries(tables: Any, run: Run) -> Iterator[tuple[str, str]]:
    """Return each bucket of the run with its policy."""
    for entry in tables.revisions[run.pipeline_id, run.revision].concurrency:
        yield get_limit_name(run.pipeline_id, entry) + _get_key_suffix(entry, run.parameters), entry.when_full.value


def _get_key_suffix(entry: Any, parameters: Mapping[str, Any]) -> str:
    if entry.key is None:
        return ""
    value = parameters.get(entry.key)
    return ":" + (json.dumps(value, sort_keys=True, separators=(",", ":")) if entry.key in parameters else "missing")
