"""The endpoints and keys that an OpenID Connect provider publishes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.http_client import open_http_client
from domain.errors import NotSignedIn, Unavailable

METADATA_TTL_SECONDS: Final = 3600.0
_RETRY_AFTER_SECONDS: Final = 60
_NOT_WORKING: Final = "The identity provider does not respond correctly. Try again shortly."


class OidcDiscovery:
    """Requests the provider, and caches its metadata and keys for METADATA_TTL_SECONDS."""

    def __init__(self, issuer: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._monotonic = monotonic
        self._metadata: tuple[float, OpenIDProviderMetadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._http = open_http_client([issuer], timeout=10, follow_redirects=False, headers={"Accept": "application/json"})

    async def close(self) -> None:
        await self._http.aclose()

    async def get_metadata(self) -> OpenIDProviderMetadata:
        """Return the provider's metadata. Raise Unavailable if it does not fit the issuer."""
        if self._metadata is None or self._monotonic() - self._metadata[0] > METADATA_TTL_SECONDS:
            response = await self.request("GET", get_well_known_url(self._issuer, external=True))
            if response.get("issuer", "").rstrip("/") != self._issuer:
                raise Unavailable("The identity provider's issuer is not HEADGATE_OIDC_ISSUER.", _RETRY_AFTER_SECONDS)
            metadata = OpenIDProviderMetadata(response)
            for endpoint in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if urlsplit(str(metadata.get(endpoint, ""))).scheme != urlsplit(self._issuer).scheme:
                    raise Unavailable(f"The identity provider's {endpoint} is not usable.", _RETRY_AFTER_SECONDS)
            self._metadata = (self._monotonic(), metadata)
        return self._metadata[1]

    async def get_keys(self, refresh: bool = False) -> KeySet:
        """Return the keys that the provider signs with. Raise Unavailable if they cannot be read."""
        if refresh or self._keys is None or self._monotonic() - self._keys[0] > METADATA_TTL_SECONDS:
            metadata = await self.get_metadata()
            try:
                self._keys = (self._monotonic(), KeySet.import_key_set(await self.request("GET", metadata["jwks_uri"])))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise Unavailable("The identity provider's keys cannot be read.", _RETRY_AFTER_SECONDS) from error
        return self._keys[1]

    async def request(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object of the response. Raise NotSignedIn if a POST is refused, Unavailable for other failures."""
        try:
            response = await self._http.request(method, url, **options)
            if response.status_code in (400, 401, 403) and method == "POST":
                raise NotSignedIn("The identity provider refused the sign-in. Try again.")
            response.raise_for_status()
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(_NOT_WORKING) from error
        if not isinstance(body, dict):
            raise Unavailable(_NOT_WORKING)
        return body
