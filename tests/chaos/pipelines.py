"""The pipelines of the chaos tests, and which of their runs must complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PREFECT_POOL = "elsewhere"
"""A work pool served by Prefect's own worker."""
DOCK, DOCK_LIMIT = "dock", 4
"""A group of which runs of one pipeline and stages of another hold slots."""
NAMES = ("sequence", "fan", "patient", "fragile", "certified", "reported", "limited", "loading")


def a_command_stage(starts: Path, name: str, seconds: float, **keys: Any) -> dict[str, Any]:
    """Return a stage that takes this long, and that appends a line to `starts` in one write when it starts."""
    line = 'printf "%s %s %s\\n" "$HEADGATE_RUN_ID" "$HEADGATE_STAGE" "$HEADGATE_ATTEMPT" >> "$STARTS"'
    return {
        "name": name,
        "kind": "command",
        "command": ["sh", "-c", f"{line}; echo started; sleep {seconds}; echo done"],
        "env": {"STARTS": str(starts)},
        "timeout": 60,
    } | keys


def build_definitions(starts: Path) -> list[dict[str, Any]]:
    """Return the definitions. Every command stage appends a line to `starts` in one write, so that real starts can be counted."""

    def stage(name: str, seconds: float, **keys: Any) -> dict[str, Any]:
        return a_command_stage(starts, name, seconds, **keys)

    retried = {"retries": 3, "retry_on_loss": True}
    external = {"kind": "external", "timeout": 300}
    tagged = {"parameters": {"type": "object", "properties": {"tag": {"type": "string"}}}}
    return [
        {"name": "sequence", "stages": [stage(name, 0.15, **retried) for name in "abcd"]} | tagged,
        {
            "name": "fan",
            "parallelism": 3,
            "stages": [stage(name, 0.3, needs=[], **retried) for name in "abcd"] + [stage("last", 0.1, needs=[*"abcd"], **retried)],
        }
        | tagged,
        {"name": "patient", "stages": [stage("long", 1.5, **retried), stage("short", 0.1, **retried, retry_delay=0.5)]} | tagged,
        {"name": "fragile", "stages": [stage("once", 1.0), stage("then", 0.2), stage("tidy", 0.1, needs=["then"], when="always")]} | tagged,
        {"name": "certified", "stages": [stage("make", 0.4, **retried), {"name": "certify", "needs": ["make"], **external}]} | tagged,
        {"name": "reported", "stages": [{"name": "x", **external}, {"name": "y", **external}]} | tagged,
        {
            "name": "limited",
            "concurrency": [{"limit": 3}, {"group": DOCK, "limit": DOCK_LIMIT}],
            "priority": 5,
            "stages": [stage("first", 0.3, **retried), stage("second", 0.1, **retried)],
        }
        | tagged,
        {"name": "loading", "stages": [stage("plan", 0.1, **retried), stage("load", 0.5, uses=[DOCK], **retried)]} | tagged,
        {"name": "away", "pool": PREFECT_POOL, "stages": [stage("a", 0.1, **retried), stage("b", 0.1, **retried)]} | tagged,
    ]


LIMITS = {f"group:{DOCK}": DOCK_LIMIT}
"""The limits of buckets that several pipelines share."""
EXTERNAL_STAGES = {"certified": ("certify",), "reported": ("x", "y")}
RESILIENT_PIPELINES = ("sequence", "fan", "patient", "certified", "reported", "limited", "loading")
"""Pipelines whose runs must complete whatever single fault happens."""
