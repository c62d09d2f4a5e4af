"""Links to a run in Datadog."""

from urllib.parse import parse_qs, urlsplit

import pytest

from entrypoints.web.view_models.runs.datadog_links import build_datadog_links

TRACE = {"traceparent": f"00-{255:032x}-{7:016x}-01"}


@pytest.mark.parametrize(
    ("site", "host"),
    [("datadoghq.com", "app.datadoghq.com"), ("datadoghq.eu", "app.datadoghq.eu"), ("us5.datadoghq.com", "us5.datadoghq.com")],
)
def test_a_run_links_to_its_trace_and_logs_in_datadog(site: str, host: str) -> None:
    (trace, to_trace), (logs, to_logs) = build_datadog_links(site, 42, TRACE)

    assert (trace, to_trace) == ("trace", f"https://{host}/apm/trace/{255:032x}")
    assert (logs, urlsplit(to_logs).netloc, urlsplit(to_logs).path) == ("logs", host, "/logs")
    assert parse_qs(urlsplit(to_logs).query) == {"query": ["service:headgate @run:42"]}


def test_a_run_without_a_trace_links_to_its_logs_only() -> None:
    assert [name for name, _ in build_datadog_links("datadoghq.eu", 42, {})] == ["logs"]


def test_without_a_datadog_site_there_are_no_links() -> None:
    assert build_datadog_links(None, 42, TRACE) == []
