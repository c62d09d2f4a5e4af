"""The pipelines that chaos strikes, and what a run of each is expected to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PREFECT_POOL = "elsewhere"
"""A pool that Prefect's own worker serves."""
NAMES = ("sequence", "fan", "patient", "fragile", "certified", "reported")


def definitions(starts: Path) -> list[dict[str, Any]]:
    """Every command stage first appends a line to `starts`, in one write, so that what really began is counted."""

    def stage(name: str, seconds: float, **keys: Any) -> dict[str, Any]:
        line = 'printf "%s %s %s\\n" "$HEADGATE_RUN_ID" "$HEADGATE_STAGE" "$HEADGATE_ATTEMPT" >> "$STARTS"'
        return {
            "name": name,
            "kind": "command",
            "command": ["sh", "-c", f"{line}; echo begun; sleep {seconds}; echo done"],
            "env": {"STARTS": str(starts)},
            "timeout": 60,
        } | keys

    again = {"retries": 3, "retry_on_loss": True}
    external = {"kind": "external", "timeout": 300}
    tagged = {"parameters": {"type": "object", "properties": {"tag": {"type": "string"}}}}
    return [
        {"name": "sequence", "stages": [stage(name, 0.15, **again) for name in "abcd"]} | tagged,
        {
            "name": "fan",
            "parallelism": 3,
            "stages": [stage(name, 0.3, needs=[], **again) for name in "abcd"] + [stage("last", 0.1, needs=[*"abcd"], **again)],
        }
        | tagged,
        {"name": "patient", "stages": [stage("long", 1.5, **again), stage("short", 0.1, **again, retry_delay=0.5)]} | tagged,
        {"name": "fragile", "stages": [stage("once", 1.0), stage("then", 0.2), stage("tidy", 0.1, needs=["then"], when="always")]} | tagged,
        {"name": "certified", "stages": [stage("make", 0.4, **again), {"name": "certify", "needs": ["make"], **external}]} | tagged,
        {"name": "reported", "stages": [{"name": "x", **external}, {"name": "y", **external}]} | tagged,
        {"name": "away", "pool": PREFECT_POOL, "stages": [stage("a", 0.1, **again), stage("b", 0.1, **again)]} | tagged,
    ]


EXTERNAL_STAGES = {"certified": ("certify",), "reported": ("x", "y")}
RESILIENT_PIPELINES = ("sequence", "fan", "patient", "certified", "reported")
"""Those that no single fault may keep from completing."""
