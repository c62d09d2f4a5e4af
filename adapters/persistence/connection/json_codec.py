"""JSON for parameters and columns."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson

load_json = orjson.loads


def dump_json(value: Any) -> bytes | str:
    """Return the value as JSON, with datetimes in ISO 8601.

    Rows travel to PostgreSQL as JSON, so orjson's speed matters. The standard library takes what orjson rejects, such as keys that are
    not strings.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, default=datetime.isoformat)
