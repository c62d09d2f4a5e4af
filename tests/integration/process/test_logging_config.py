"""Log lines: one JSON object each, with what they belong to, and without secrets; plain at a terminal."""

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
from entrypoints import logs
from entrypoints.settings import Settings
from tests.fakes.telemetry import FakeTelemetry

telemetry = FakeTelemetry()
settings = Settings.read()
logs.configure(settings, "web", telemetry)
own = structlog.get_logger("headgate.web")
"""
SECRET = "a-secret-of-thirty-two-characters"


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "HEADGATE_", "PREFECT_"))}
    return clean | {"HEADGATE_SECRET": SECRET, "DD_ENV": "test", "DD_VERSION": "7"} | more


def lines_of(script: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", SCRIPT + script]
    with tempfile.TemporaryDirectory() as home:
        env = environment(PREFECT_HOME=home)
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert ended.stderr == "", "nothing is said beside"
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_our_lines_and_the_libraries_have_one_form() -> None:
    own, foreign = lines_of("own.info('began', pipeline='flights')\nlogging.getLogger('uvicorn.error').warning('port %d', 80)")

    assert (own["message"], own["pipeline"], own["level"], own["logger"]) == ("began", "flights", "info", "headgate.web")
    assert (foreign["message"], foreign["level"], foreign["logger"]) == ("port 80", "warning", "uvicorn.error")
    for line in (own, foreign):
        assert (line["service"], line["env"], line["version"], line["process"]) == ("headgate", "test", "7", "web")
        assert line["timestamp"].endswith("Z")
        assert list(line)[:3] == ["timestamp", "level", "message"]


def test_libraries_that_bring_a_form_of_their_own_take_ours() -> None:
    """Prefect puts handlers on its loggers when it is imported; alembic's run writes through our own `env.py`."""
    prefect, alembic = lines_of(
        "import entrypoints.worker.prefect.integration\nlogs.adopt('prefect')\n"
        "logging.getLogger('prefect._internal').error('late\\n{}')\n"
        "logging.getLogger('alembic.runtime.migration').warning('by hand')"
    )

    assert (prefect["message"], prefect["logger"]) == ("late\n{}", "prefect._internal")
    assert (alembic["message"], alembic["logger"]) == ("by hand", "alembic.runtime.migration")
    for line in (prefect, alembic):
        assert (line["service"], line["env"], line["version"], line["process"]) == ("headgate", "test", "7", "web")


def test_a_line_within_a_span_and_a_request_names_both() -> None:
    (line,) = lines_of(
        "from structlog.contextvars import bound_contextvars\n"
        "with telemetry.span('headgate.stage', 'load') as span, bound_contextvars(request_id='r1', run=4, stage='load'):\n"
        "    logging.getLogger('x').warning('within')"
    )

    assert (line["dd.trace_id"], line["dd.span_id"]) == (f"{1:032x}", "1")
    assert (line["request_id"], line["run"], line["stage"]) == ("r1", 4, "load")


def test_secrets_never_stand_in_a_line() -> None:
    (line,) = lines_of(
        "own.warning('it is ' + settings.secret.get_secret_value(), url='postgresql://app:hunter2@db/x',"
        " headers={'Authorization': 'Bearer abcdefghijklmnop'})"
    )

    text = json.dumps(line)
    assert SECRET not in text
    assert "hunter2" not in text
    assert "abcdefghijklmnop" not in text
    assert line["url"] == "postgresql://app:********@db/x"


def test_what_is_logged_cannot_begin_a_line_of_its_own() -> None:
    (line,) = lines_of('own.warning(\'one\\n{"level": "critical"}\\r\\u2028two\')')

    assert line["message"] == 'one\n{"level": "critical"}\r\u2028two'


def test_a_terminal_gets_words_on_one_line_each() -> None:
    master, slave = pty.openpty()
    script = SCRIPT + "own.warning('one\\nINFO two \\x1b[31m', pipeline='flights')"
    subprocess.run([sys.executable, "-c", script], env=environment(), stdout=slave, timeout=60, check=True)
    os.close(slave)
    said = os.read(master, 65_536).decode()
    os.close(master)

    assert said.count("\n") == 1
    assert "\x1b" not in said
    assert "warning" in said
    assert "one\\nINFO two \\x1b[31m  pipeline=flights" in said
