"""Links to a run in Datadog."""

from collections.abc import Mapping
from urllib.parse import urlencode

from application.ports.telemetry.telemetry import get_trace_id


def build_datadog_links(site: str | None, run_id: int, trace: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (name, URL) of the run's trace, if it has one, and of its log lines; empty without a Datadog site."""
    if not site:
        return []
    root = f"https://{_get_host(site)}"
    trace_id = get_trace_id(trace)
    logs = f"{root}/logs?{urlencode({'query': f'service:headgate @run:{run_id}'})}"
    return [*([("trace", f"{root}/apm/trace/{trace_id}")] if trace_id else []), ("logs", logs)]


def _get_host(site: str) -> str:
    """Return app.datadoghq.eu for `datadoghq.eu`. Sites with a region, such as us5.datadoghq.com, are hosts themselves."""
    return f"app.{site}" if site.count(".") == 1 else site
