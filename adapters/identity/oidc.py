"""OpenID Connect: authorization code with PKCE, by Authlib's parts over our own HTTP client."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from application.ports.access.identity_provider import ExternalIdentity
from domain.errors import NotSignedIn, Unavailable

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key pair alone: neither `none`, nor one that our own secret could make."""
METADATA_TTL_SECONDS: Final = 3600.0
"""Seconds for which what the provider publishes is believed."""
SIGN_IN_TIMEOUT_SECONDS: Final = 600
CLOCK_SKEW_SECONDS: Final = 60
"""Seconds that the provider's clock may differ from ours."""
_ASTRAY: Final = "The sign-in did not come back as it left; begin again."


class OidcProvider:
    """`secret` signs what the browser keeps between going and coming back."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        scopes: str,
        secret: bytes,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuer, self._client_id, self._client_secret, self._scopes = issuer.rstrip("/"), client_id, client_secret, scopes
        self._key = OctKey.import_key(b"headgate sign-in " + secret)
        self._now = now
        self._published: tuple[float, OpenIDProviderMetadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._http = httpx.AsyncClient(timeout=10, follow_redirects=False, headers={"Accept": "application/json"})

    async def begin(self, redirect: str) -> tuple[str, str]:
        published = await self._metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        address = prepare_grant_uri(
            published["authorization_endpoint"],
            self._client_id,
            "code",
            redirect_uri=redirect,
            scope=self._scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        claims = {"state": state, "nonce": nonce, "verifier": verifier, "exp": int(self._now()) + SIGN_IN_TIMEOUT_SECONDS}
        return address, jwt.encode({"alg": "HS256"}, claims, self._key)

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        before = self._read_back(remembered)
        if not secrets.compare_digest(str(before["state"]).encode(), state.encode("utf-8", "replace")):
            raise NotSignedIn(_ASTRAY)
        token = await self._exchange(redirect, code, str(before["verifier"]))
        claims = await self._verified(token)
        if claims.get("nonce") != before["nonce"]:
            raise NotSignedIn(_ASTRAY)
        return _identity(self._issuer, claims)

    async def close(self) -> None:
        await self._http.aclose()

    def _read_back(self, remembered: str) -> Mapping[str, Any]:
        try:
            claims = jwt.decode(remembered, self._key, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(now=int(self._now()), exp={"essential": True}).validate(claims)
        except (JoseError, ValueError) as error:
            raise NotSignedIn(_ASTRAY) from error
        return claims

    async def _exchange(self, redirect: str, code: str, verifier: str) -> str:
        published = await self._metadata()
        methods = published.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        by_header = "client_secret_basic" in methods
        auth = (self._client_id, self._client_secret) if by_header else None
        named = {} if by_header else {"client_id": self._client_id, "client_secret": self._client_secret}
        body = prepare_token_request("authorization_code", redirect_uri=redirect, code=code, code_verifier=verifier, **named)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._send("POST", published["token_endpoint"], content=body, headers=headers, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotSignedIn("The identity provider did not say who you are; begin again.")
        return token

    async def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            found = jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            found = await self._decoded_anew(token)
        rules = jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            rules.validate(found.claims)
        except JoseError as error:
            raise NotSignedIn("What the identity provider says is not for us, or not for now.") from error
        if "azp" in found.claims and found.claims["azp"] != self._client_id:
            raise NotSignedIn("What the identity provider says is for another application.")
        return found.claims

    async def _decoded_anew(self, token: str) -> jwt.Token:
        """By the keys as they are now: the provider may have changed them."""
        try:
            return jwt.decode(token, await self._key_set(anew=True), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise NotSignedIn("What the identity provider says is not signed by it.") from error

    async def _metadata(self) -> OpenIDProviderMetadata:
        if self._published is None or self._now() - self._published[0] > METADATA_TTL_SECONDS:
            answer = await self._send("GET", get_well_known_url(self._issuer, external=True))
            if answer.get("issuer", "").rstrip("/") != self._issuer:
                raise Unavailable("The identity provider calls itself by another name than HEADGATE_OIDC_ISSUER.", 60)
            found = OpenIDProviderMetadata(answer)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if urlsplit(str(found.get(name, ""))).scheme != urlsplit(self._issuer).scheme:
                    raise Unavailable(f"The identity provider's {name} cannot be used.", 60)
            self._published = (self._now(), found)
        return self._published[1]

    async def _key_set(self, anew: bool = False) -> KeySet:
        if anew or self._keys is None or self._now() - self._keys[0] > METADATA_TTL_SECONDS:
            published = await self._metadata()
            try:
                self._keys = (self._now(), KeySet.import_key_set(await self._send("GET", published["jwks_uri"])))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise Unavailable("The identity provider's keys cannot be read.", 60) from error
        return self._keys[1]

    async def _send(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """The JSON object it answers with. NotSignedIn for a no, Unavailable for no answer."""
        try:
            answer = await self._http.request(method, url, **more)
            if answer.status_code in (400, 401, 403) and method == "POST":
                raise NotSignedIn("The identity provider did not accept the sign-in; begin again.")
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable("The identity provider does not answer as it should; try again shortly.") from error
        if not isinstance(found, dict):
            raise Unavailable("The identity provider does not answer as it should; try again shortly.")
        return found


def _identity(issuer: str, claims: Mapping[str, Any]) -> ExternalIdentity:
    """An address gives roles: one that the provider has not verified is anybody's word, and is none here."""
    email = claims.get("email") if claims.get("email_verified") is True else None
    name = next(str(word) for word in (email, claims.get("preferred_username"), claims["sub"]) if word)
    groups = claims.get("groups")
    listed = [str(group) for group in groups] if isinstance(groups, list) else [groups] if isinstance(groups, str) else []
    return ExternalIdentity(f"{issuer}|{claims['sub']}", name, listed, str(email) if email else None)
