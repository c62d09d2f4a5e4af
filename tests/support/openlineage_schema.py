"""The OpenLineage 2-0-2 schema of the fields that Headgate writes. Unlike the standard, it allows no other fields."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
URI = {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:\\S+$"}
NAME = {"type": "string", "minLength": 1}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = required | optional
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _facet(schema: str, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of a facet, which names its producer and its schema's version."""
    url = {"type": "string", "pattern": f"^https://openlineage\\.io/spec/{schema}$"}
    return _object({"_producer": URI, "_schemaURL": url} | required, **optional)


def _published(name: str) -> str:
    return rf"facets/\d+-\d+-\d+/{name}\.json#/\$defs/{name}"


JOB_NAME = {"namespace": NAME, "name": NAME}
PARENT = _facet(_published("ParentRunFacet"), {"run": _object({"runId": UUID}), "job": _object(JOB_NAME)})
ERROR = _facet(_published("ErrorMessageRunFacet"), {"message": {"type": "string"}, "programmingLanguage": NAME})
JOB_TYPE = _facet(
    _published("JobTypeJobFacet"), {"processingType": {"enum": ["BATCH", "STREAMING", "SERVICE"]}, "integration": NAME}, jobType=NAME
)
STATISTICS = _facet(_published("OutputStatisticsOutputDatasetFacet"), {"rowCount": {"type": "integer"}})
EXECUTION = _facet(
    r"2-0-2/OpenLineage\.json#/\$defs/RunFacet",
    {"status": NAME, "number": {"type": "integer"}, "revision": {"type": "integer"}, "url": URI},
    attempt={"type": "integer"},
    recordsProcessed={"type": "integer"},
)
RUN_EVENT = _object(
    {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": MOMENT,
        "producer": URI,
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": _object({"runId": UUID}, facets=_object({}, parent=PARENT, errorMessage=ERROR, headgate_execution=EXECUTION)),
        "job": _object(JOB_NAME, facets=_object({}, jobType=JOB_TYPE)),
    },
    inputs={"type": "array", "items": _object(JOB_NAME)},
    outputs={"type": "array", "items": _object(JOB_NAME, outputFacets=_object({}, outputStatistics=STATISTICS))},
)


def find_lineage_problems(body: Any) -> list[str]:
    """Return why the body is not a valid run event."""
    validator = validator_for(RUN_EVENT, default=Draft202012Validator)(RUN_EVENT)
    return [f"{error.json_path}: {error.message:.200}" for error in validator.iter_errors(body)]
