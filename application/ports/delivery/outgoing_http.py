"""HTTP requests to other systems."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request. `timeout` is in seconds, for the whole exchange: name lookup, redirects and the response's body included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = 10.0
    max_bytes: int = 64 * 1024
    follow_redirects: bool = False


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """A response. The names of `headers` are in lower case. `body` is cut after the request's `max_bytes`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OutgoingHttp(Protocol):
    """Sends requests to public addresses, and to those that the settings allow."""

    async def send(self, request: OutgoingRequest) -> OutgoingResponse:
        """Send the request once, and return the response whatever its status.

        The name is resolved once, and the connection uses an address that was checked. Each redirect is checked like the first address.
        Raises AddressForbidden (domain.address_policy), and Unavailable if there is no response in time. Their sentences name the host
        only, since the rest of a URL may be a secret.
        """
        ...

    async def close(self) -> None: ...
