"""Off, telemetry is not there: nothing is imported, wrapped or set."""

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

BEGIN = """
import sys
from pathlib import Path
from adapters.telemetry.switch import begin
telemetry = begin({process!r}, {setting!r})
{then}
print(type(telemetry).__name__, sorted({{name.split('.')[0] for name in sys.modules}} & {{'ddtrace', 'datadog'}}))
"""


def began(process: str, setting: str, then: str = "", **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "HEADGATE_"))}
    script = BEGIN.format(process=process, setting=setting, then=then)
    ended = subprocess.run([sys.executable, "-c", script], env=clean | environment, capture_output=True, text=True, timeout=60, check=True)
    return ended.stdout.strip()


def test_without_an_agent_named_nothing_of_datadog_is_imported() -> None:
    assert began("web", "auto", "import entrypoints.http.server") == "NullTelemetry []"


def test_turned_off_nothing_is_imported_though_an_agent_is_named() -> None:
    assert began("web", "off", DD_AGENT_HOST="127.0.0.1") == "NullTelemetry []"


def test_figures_alone_import_no_tracer() -> None:
    assert began("web", "auto", DD_AGENT_HOST="127.0.0.1", DD_TRACE_ENABLED="false") == "DatadogTelemetry ['datadog']"


def test_an_agent_turns_it_on() -> None:
    assert began("worker", "auto", DD_AGENT_HOST="127.0.0.1") == "DatadogTelemetry ['datadog', 'ddtrace']"


@pytest.mark.parametrize("environment", [{"DD_AGENT_HOST": "agent"}, {"DD_TRACE_AGENT_URL": "unix:///var/run/datadog/apm.socket"}])
def test_either_variable_names_an_agent(environment: dict[str, str]) -> None:
    assert is_telemetry_enabled("auto", environment)
    assert not is_telemetry_enabled("off", environment)


def test_use_cases_are_wrapped_only_when_it_is_on() -> None:
    app = InProcessHeadgate().application
    off = app.cancel_run()

    assert type(off) is CancelRun
    assert app.trigger_pipeline() is app.trigger_batcher(), "and a lane is not wrapped either"
    assert instrument_use_case(NullTelemetry(), off) is off
    assert type(instrument_use_case(FakeTelemetry(), off)) is InstrumentedUseCase


def test_the_readme_s_block_turns_it_on() -> None:
    section = (Path(__file__).parents[3] / "README.md").read_text().split("## Datadog")[1].split("## ")[0]
    block = section.split("```")[1]
    exported = dict(pair.split("=", 1) for line in re.findall(r"export (.*)", block) for pair in line.split())

    assert exported.keys() == {"DD_AGENT_HOST", "DD_ENV", "HEADGATE_DD_SITE"}
    assert "make run" in block
    assert began("web", "auto", **exported) == "DatadogTelemetry ['datadog', 'ddtrace']"
