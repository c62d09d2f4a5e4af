"""URLs of Prefect's own pages."""

from urllib.parse import quote


def build_flow_run_url(pages_url: str, flow_run_id: str) -> str:
    """Return the URL of a flow run's page. `pages_url` is that of Prefect's pages."""
    return f"{pages_url}/runs/flow-run/{quote(flow_run_id, safe='')}"
