"""What schemathesis cannot know about a request: a key that was used for another one is rightly refused."""

from __future__ import annotations

import re
import uuid
from typing import Any

import schemathesis

_KEY = re.compile(r"[\x21-\x7e]{1,160}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Every good key is a new one; what is no key stays as it is."""
    given = (case.headers or {}).get("Idempotency-Key")
    if isinstance(given, str) and _KEY.fullmatch(given):
        case.headers["Idempotency-Key"] = given.strip('"') + uuid.uuid4().hex
