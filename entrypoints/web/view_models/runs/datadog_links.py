"""Where Datadog shows a run: addresses made from its site, without asking it anything."""

from collections.abc import Mapping
from urllib.parse import urlencode

from application.ports.telemetry.telemetry import get_trace_id


def datadog_links(site: str | None, run_id: int, trace: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and addresses: the trace where there is one, and the log lines of the run."""
    if not site:
        return []
    root = f"https://{_host(site)}"
    trace_id = get_trace_id(trace)
    logs = f"{root}/logs?{urlencode({'query': f'service:headgate @run:{run_id}'})}"
    return [*([("trace", f"{root}/apm/trace/{trace_id}")] if trace_id else []), ("logs", logs)]


def _host(site: str) -> str:
    """`datadoghq.eu` is shown at app.datadoghq.eu, a site with a region in its name, such as us5.datadoghq.com, at itself."""
    return f"app.{site}" if site.count(".") == 1 else site
