"""Hooks for schemathesis. An idempotency key that is reused for another request is refused, so each request needs a new one."""

from __future__ import annotations

import re
import uuid
from typing import Any

import schemathesis

_KEY = re.compile(r"[\x21-\x7e]{1,160}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make every valid idempotency key unique. Leave invalid keys as they are."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = key.strip('"') + uuid.uuid4().hex
