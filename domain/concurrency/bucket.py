"""Buckets: what concurrency limits count."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from domain.concurrency.definition import ConcurrencyLimit
from domain.pipelines.definition import PipelineDefinition, StageDefinition

MAX_VALUE_LENGTH: Final = 200
_MISSING: Final = "missing"


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """A count of slots. All buckets with the same `limit_name` have the same limit, such as those of the values of a key."""

    name: str
    limit_name: str


def get_run_buckets(pipeline_id: int, definition: PipelineDefinition, parameters: Mapping[str, Any]) -> tuple[Bucket, ...]:
    """Return the buckets in which a run holds a slot, in the order of their names."""
    return tuple(sorted(get_bucket(pipeline_id, limit, parameters) for limit in definition.concurrency))


def get_stage_buckets(stage: StageDefinition) -> tuple[Bucket, ...]:
    """Return the buckets in which a stage holds a slot of its own, in the order of their names."""
    return tuple(sorted(get_group_bucket(name) for name in stage.uses))


def get_group_bucket(name: str) -> Bucket:
    """Return the bucket of a group."""
    return Bucket(f"group:{name}", f"group:{name}")


def get_limit_name(pipeline_id: int, limit: ConcurrencyLimit) -> str:
    """Return the name under which the value of a limit is stored."""
    if limit.group is not None:
        return f"group:{limit.group}"
    return f"pipeline:{pipeline_id}" if limit.key is None else f"pipeline:{pipeline_id}:{limit.key}"


def get_bucket(pipeline_id: int, limit: ConcurrencyLimit, parameters: Mapping[str, Any]) -> Bucket:
    """Return the bucket in which a run with these parameters holds a slot by the limit."""
    name = get_limit_name(pipeline_id, limit)
    if limit.key is None:
        return Bucket(name, name)
    value = _format_value(parameters[limit.key]) if limit.key in parameters else _MISSING
    return Bucket(f"{name}:{value}", name)


def _format_value(value: object) -> str:
    """Return canonical JSON, or its hash if it is long. Equal numbers have the same text, such as 1 and 1.0."""
    text = json.dumps(_normalize(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else "sha256:" + sha256(text.encode()).hexdigest()


def _normalize(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _normalize(part) for key, part in value.items()}
    return [_normalize(part) for part in value] if isinstance(value, list | tuple) else value
