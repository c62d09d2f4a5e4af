"""Log lines are JSON objects with their context and without secrets; in a terminal they are plain lines."""

import json
import os
import pty
import subprocess
import sys
import tempfile
from typing import Any

SCRIPT = """
import logging
import structlog
from entrypoints.process import logging_config
from entrypoints.settings import Settings
from tests.fakes.telemetry.telemetry import FakeTelemetry

telemetry = FakeTelemetry()
settings = Settings.read()
logging_config.configure(settings, "web", telemetry)
own = structlog.get_logger("headgate.web")
"""
SECRET = "a-secret-of-thirty-two-characters"


def build_environment(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "HEADGATE_", "PREFECT_"))}
    return inherited | {"HEADGATE_SECRET": SECRET, "DD_ENV": "test", "DD_VERSION": "7"} | more


def run_and_parse(script: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", SCRIPT + script]
    with tempfile.TemporaryDirectory() as home:
        env = build_environment(PREFECT_HOME=home)
        finished = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert finished.stderr == "", "nothing else is printed"
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_headgate_and_libraries_log_in_one_format() -> None:
    own, foreign = run_and_parse("own.info('began', pipeline='flights')\nlogging.getLogger('uvicorn.error').warning('port %d', 80)")

    assert (own["message"], own["pipeline"], own["level"], own["logger"]) == ("began", "flights", "info", "headgate.web")
    assert (foreign["message"], foreign["level"], foreign["logger"]) == ("port 80", "warning", "uvicorn.error")
    for line in (own, foreign):
        assert (line["service"], line["env"], line["version"], line["process"]) == ("headgate", "test", "7", "web")
        assert line["timestamp"].endswith("Z")
        assert list(line)[:3] == ["timestamp", "level", "message"]


def test_libraries_with_their_own_handlers_use_the_same_format() -> None:
    """Prefect installs handlers on its loggers when it is imported; Alembic logs through alembic/env.py."""
    prefect, alembic = run_and_parse(
        "import entrypoints.worker.prefect.integration\nlogging_config.use_root_handlers('prefect')\n"
        "logging.getLogger('prefect._internal').error('late\\n{}')\n"
        "logging.getLogger('alembic.runtime.migration').warning('by hand')"
    )

    assert (prefect["message"], prefect["logger"]) == ("late\n{}", "prefect._internal")
    assert (alembic["message"], alembic["logger"]) == ("by hand", "alembic.runtime.migration")
    for line in (prefect, alembic):
        assert (line["service"], line["env"], line["version"], line["process"]) == ("headgate", "test", "7", "web")


def test_a_line_logged_in_a_span_and_a_request_names_both() -> None:
    (line,) = run_and_parse(
        "from structlog.contextvars import bound_contextvars\n"
        "with telemetry.span('headgate.stage', 'load') as span, bound_contextvars(request_id='r1', run=4, stage='load'):\n"
        "    logging.getLogger('x').warning('within')"
    )

    assert (line["dd.trace_id"], line["dd.span_id"]) == (f"{1:032x}", "1")
    assert (line["request_id"], line["run"], line["stage"]) == ("r1", 4, "load")


def test_secrets_are_redacted() -> None:
    (line,) = run_and_parse(
        "own.warning('it is ' + settings.secret.get_secret_value(), url='postgresql://app:hunter2@db/x',"
        " headers={'Authorization': 'Bearer abcdefghijklmnop'})"
    )

    text = json.dumps(line)
    assert SECRET not in text
    assert "hunter2" not in text
    assert "abcdefghijklmnop" not in text
    assert line["url"] == "postgresql://app:********@db/x"


def test_a_logged_text_cannot_start_another_line() -> None:
    (line,) = run_and_parse('own.warning(\'one\\n{"level": "critical"}\\r\\u2028two\')')

    assert line["message"] == 'one\n{"level": "critical"}\r\u2028two'


def test_a_terminal_gets_one_plain_line_per_message() -> None:
    master, slave = pty.openpty()
    script = SCRIPT + "own.warning('one\\nINFO two \\x1b[31m', pipeline='flights')"
    subprocess.run([sys.executable, "-c", script], env=build_environment(), stdout=slave, timeout=60, check=True)
    os.close(slave)
    output = os.read(master, 65_536).decode()
    os.close(master)

    assert output.count("\n") == 1
    assert "\x1b" not in output
    assert "warning" in output
    assert "one\\nINFO two \\x1b[31m  pipeline=flights" in output
