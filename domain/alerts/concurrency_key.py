"""The runs that share an incident: those with the same values of the parameters that concurrency limits name."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from domain.pipelines.definition import PipelineDefinition
from domain.text_validation import replace_unstorable

MAX_LENGTH: Final = 200


def has_concurrency_key(definition: PipelineDefinition) -> bool:
    return any(limit.key for limit in definition.concurrency)


def get_concurrency_key(definition: PipelineDefinition, parameters: Mapping[str, Any]) -> str:
    """Return a text such as `customer=acme`; empty if no limit has a key, or if the run has no such parameter."""
    names = dict.fromkeys(limit.key for limit in definition.concurrency if limit.key in parameters)
    text = ", ".join(f"{name}={_format(parameters[name])}" for name in names if name is not None)
    if len(text) <= MAX_LENGTH:
        return text
    return f"{text[: MAX_LENGTH - 20]}… {sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _format(value: object) -> str:
    if isinstance(value, str):
        return replace_unstorable(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return replace_unstorable(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
