"""When telemetry is off, nothing of it is imported and no use case is wrapped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.telemetry.null import NullTelemetry
from adapters.telemetry.setup import is_telemetry_enabled
from application.commands.runs.cancel_run import CancelRun
from application.observability.instrumented_use_case import InstrumentedUseCase, instrument_use_case
from tests.fakes.telemetry.telemetry import FakeTelemetry
from tests.support.in_process import InProcessHeadgate

PROGRAM = """
import sys
from pathlib import Path
from adapters.telemetry.setup import start_telemetry
telemetry = start_telemetry({process!r}, {setting!r})
{statements}
print(type(telemetry).__name__, sorted({{name.split('.')[0] for name in sys.modules}} & {{'ddtrace', 'datadog'}}))
"""


def run_program(process: str, setting: str, statements: str = "", **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "HEADGATE_"))}
    script = PROGRAM.format(process=process, setting=setting, statements=statements)
    result = subprocess.run(
        [sys.executable, "-c", script], env=inherited | environment, capture_output=True, text=True, timeout=60, check=True
    )
    return result.stdout.strip()


def test_without_an_agent_nothing_of_datadog_is_imported() -> None:
    assert run_program("web", "auto", "import entrypoints.http.server") == "NullTelemetry []"


def test_the_setting_turns_it_off_even_with_an_agent() -> None:
    assert run_program("web", "off", DD_AGENT_HOST="127.0.0.1") == "NullTelemetry []"


def test_metrics_alone_do_not_import_the_tracer() -> None:
    assert run_program("web", "auto", DD_AGENT_HOST="127.0.0.1", DD_TRACE_ENABLED="false") == "DatadogTelemetry ['datadog']"


def test_an_agent_variable_turns_it_on() -> None:
    assert run_program("worker", "auto", DD_AGENT_HOST="127.0.0.1") == "DatadogTelemetry ['datadog', 'ddtrace']"


@pytest.mark.parametrize("environment", [{"DD_AGENT_HOST": "agent"}, {"DD_TRACE_AGENT_URL": "unix:///var/run/datadog/apm.socket"}])
def test_each_agent_variable_turns_it_on(environment: dict[str, str]) -> None:
    assert is_telemetry_enabled("auto", environment)
    assert not is_telemetry_enabled("off", environment)


def test_use_cases_are_wrapped_only_if_it_is_on() -> None:
    app = InProcessHeadgate().application
    off = app.cancel_run()

    assert type(off) is CancelRun
    assert app.trigger_pipeline() is app.trigger_batcher(), "batchers are not wrapped either"
    assert instrument_use_case(NullTelemetry(), off) is off
    assert type(instrument_use_case(FakeTelemetry(), off)) is InstrumentedUseCase


def test_the_documented_variables_turn_it_on() -> None:
    (page,) = (Path(__file__).parents[3] / "docs").rglob("datadog.md")
    block = page.read_text().split("```")[1]
    exported = dict(pair.split("=", 1) for line in re.findall(r"export ([^#\n]*)", block) for pair in line.split())

    assert exported.keys() == {"DD_AGENT_HOST", "DD_ENV", "DD_SERVICE", "DD_VERSION", "HEADGATE_DD_SITE"}
    assert "make run" in block
    assert run_program("web", "auto", **exported) == "DatadogTelemetry ['datadog', 'ddtrace']"
