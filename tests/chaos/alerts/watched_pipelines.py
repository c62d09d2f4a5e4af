"""Pipelines whose runs fail or complete as their parameters say, with an incident of its own for each customer."""

from __future__ import annotations

from typing import Any, Final

PIPELINES: Final = 5
CHANNELS: Final = ("hook", "mail")
_FAIL: Final = 'test "$HEADGATE_PARAM_WORKS" = true || { echo "KeyError: $HEADGATE_PARAM_CUSTOMER" >&2; exit 1; }'


def build_watched_pipelines() -> list[dict[str, Any]]:
    schema = {"type": "object", "properties": {"customer": {"type": "string"}, "works": {"type": "boolean"}}}
    return [
        {
            "name": f"watched{number}",
            "parameters": schema,
            "concurrency": [{"key": {"parameter": "customer"}, "limit": 1}],
            "alerts": [{"name": "on-call", "on": ["failed", "lost"], "to": list(CHANNELS)}],
            "stages": [{"name": "load", "command": ["sh", "-c", _FAIL], "timeout": 60}],
        }
        for number in range(PIPELINES)
    ]


def get_pipeline(index: int) -> str:
    return f"watched{index % PIPELINES}"


def get_customer(index: int) -> str:
    """Return a name of letters only: numbers in an error do not make another cause."""
    letters = ""
    for _ in range(4):
        index, digit = divmod(index, 20)
        letters += "bcdfghjklmnpqrstvwxz"[digit]
    return f"customer-{letters}"
