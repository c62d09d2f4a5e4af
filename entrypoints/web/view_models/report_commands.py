"""Commands that report a job on another machine: its start, and how it ended. They work as pasted, and never fail the job."""

import json
from typing import Final

from domain.pipelines.definition import PipelineDefinition, StageDefinition, StageKind

JOB: Final = "/usr/local/bin/backup"
"""The job in the examples, which people replace by their own."""
_CURL: Final = "curl -fsSo /dev/null -m 10 --retry 5 --retry-all-errors --retry-max-time 60"
"""Without `--retry-all-errors` curl gives up when a web that dies resets the connection, and the report is lost. The `event_id` makes a
repetition harmless. The price is that a report that is refused, such as one with a revoked token, delays the job by half a minute.
"""
_UNIQUE: Final = "$(LC_ALL=C date -u) $$"
"""Differs for each run of a command, without the percent sign, which a crontab and a unit would interpret."""


def find_stage_to_report(definition: PipelineDefinition) -> StageDefinition | None:
    """Return the external stage that examples report: one that needs no other, if there is one."""
    external = [stage for stage in definition.stages if stage.kind is StageKind.EXTERNAL]
    return next((stage for stage in external if not stage.needs), external[0] if external else None)


def build_report_line(url: str, token: str, stage: str) -> str:
    """Return a shell command that runs the job, reports its start and its exit code, and exits with the same code."""
    start = _build_curl(url, token, {"stage_name": stage, "status": "running", "event_id": f"start {_UNIQUE}"}, quote="'")
    end = _build_curl(url, token, {"stage_name": stage, "status": "$S", "$M": "exit code $E", "event_id": f"end {_UNIQUE}"}, quote="'")
    judge = f"{JOB} && E=0 S=completed M=message || {{ E=$?; S=failed M=error_message; }}"
    return f"{start} || :; {judge}; {end} || :; (exit $E)"


def build_crontab_line(url: str, token: str, stage: str) -> str:
    """Return a crontab's line, which runs the job at 02:00 and reports as `build_report_line` does."""
    return f"0 2 * * *  {build_report_line(url, token, stage)}"


def build_systemd_unit(url: str, token: str, stage: str) -> str:
    """Return a unit that reports before the job and after it, however it ended. `-` ignores the exit code of a report."""
    start = {"stage_name": stage, "status": "running", "event_id": "start $INVOCATION_ID"}
    end = {"stage_name": stage, "status": "$S", "$M": "$SERVICE_RESULT $EXIT_STATUS", "event_id": "end $INVOCATION_ID"}
    judge = 'test "$SERVICE_RESULT" = success && S=completed M=message || { S=failed M=error_message; }'
    return "\n".join(
        (
            "[Service]",
            "Type=oneshot",
            f"ExecStartPre=-/bin/sh -c '{_escape_for_systemd(_build_curl(url, token, start))}'",
            f"ExecStart={JOB}",
            f"ExecStopPost=-/bin/sh -c '{judge}; {_escape_for_systemd(_build_curl(url, token, end))}'",
        )
    )


def _build_curl(url: str, token: str, report: dict[str, str], quote: str = '"') -> str:
    """Return a curl command. The shell fills in the variables of the report."""
    return f"{_CURL} {url} -H {quote}Authorization: Bearer {token}{quote} --json {json.dumps(json.dumps(report))}"


def _escape_for_systemd(script: str) -> str:
    """Double backslashes, because systemd removes one even within quotes."""
    return script.replace("\\", "\\\\")
