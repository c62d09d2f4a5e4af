"""Links to Prefect's own pages."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from entrypoints.network_addresses import is_loopback
from entrypoints.prefect_urls import build_flow_run_url
from entrypoints.settings import Settings


def get_flow_run_path(flow_run_id: str) -> str:
    """Return the path of Headgate's page that leads to a flow run in Prefect."""
    return f"/ui/prefect/flow-runs/{quote(flow_run_id, safe='')}"


@dataclass(frozen=True, slots=True)
class PrefectPages:
    """Prefect's own pages. `url` is None if they are unknown.

    With `has_password` they ask for the auth string of Prefect's API; with `is_local` only browsers on the server's machine reach them.
    """

    url: str | None = None
    has_password: bool = False
    is_local: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> "PrefectPages":
        """Return the pages of the Prefect server that the settings name."""
        url = settings.prefect_pages_url
        return cls(url, settings.prefect_api_auth_string is not None, url is not None and is_loopback(urlsplit(url).hostname or ""))

    @property
    def needs_explanation(self) -> bool:
        """True if some people need more than a link to reach the page."""
        return self.url is None or self.has_password or self.is_local

    def link_flow_run(self, flow_run_id: str) -> str:
        """Return the URL of a flow run's page, or the path of Headgate's page that explains how to open it. Empty without pages."""
        if self.url is None:
            return ""
        return get_flow_run_path(flow_run_id) if self.needs_explanation else self.build_flow_run_url(flow_run_id)

    def build_flow_run_url(self, flow_run_id: str) -> str:
        """Return the URL of a flow run's page in Prefect. Empty without pages."""
        return build_flow_run_url(self.url, flow_run_id) if self.url else ""
