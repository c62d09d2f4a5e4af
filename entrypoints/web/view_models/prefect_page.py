"""How to open a page of Prefect."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from entrypoints.network_addresses import is_loopback
from entrypoints.web.prefect_pages import PrefectPages


@dataclass(frozen=True, slots=True)
class PrefectPage:
    """A flow run's page in Prefect. `href` is empty if its address is unknown.

    `tunnel` is a command that makes a server that listens on its own machine only reachable from another one; empty if it is not needed.
    """

    flow_run: str
    href: str
    has_password: bool
    address: str
    tunnel: str


def build_prefect_page(prefect: PrefectPages, flow_run: str, public_url: str) -> PrefectPage:
    """Return how to open a flow run. `public_url` names the machine on which Headgate runs."""
    parts = urlsplit(prefect.url or "")
    address = parts.netloc
    port = parts.port or 80
    public_host = urlsplit(public_url).hostname or ""
    host = public_host if public_host and not is_loopback(public_host) else "HOST"
    tunnel = f"ssh -N -L {port}:127.0.0.1:{port} {host}" if prefect.is_local else ""
    return PrefectPage(flow_run, prefect.build_flow_run_url(flow_run), prefect.has_password, address, tunnel)
