"""Sign-in with OpenID Connect: authorization code flow with PKCE, using Authlib's functions with an own HTTP client."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from adapters.identity.oidc_discovery import OidcDiscovery
from application.ports.access.identity_provider import ExternalIdentity
from application.ports.system.clock import Clock
from domain.errors import NotSignedIn

ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric signatures only: not `none`, and no algorithm that Headgate's own secret could sign with."""
SIGN_IN_TIMEOUT_SECONDS: Final = 600
CLOCK_SKEW_SECONDS: Final = 60
"""How far the provider's clock may differ from ours."""
_MISMATCH: Final = "The sign-in could not be completed. Try again."


class OidcProvider:
    """An OpenID Connect provider. `secret` signs the state that the browser keeps during the sign-in."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, scopes: str, secret: bytes, clock: Clock) -> None:
        self._issuer, self._client_id, self._client_secret, self._scopes = issuer.rstrip("/"), client_id, client_secret, scopes
        self._key = OctKey.import_key(b"headgate sign-in " + secret)
        self._clock = clock
        self._discovery = OidcDiscovery(self._issuer)

    async def begin(self, redirect: str) -> tuple[str, str]:
        metadata = await self._discovery.get_metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url = prepare_grant_uri(
            metadata["authorization_endpoint"],
            self._client_id,
            "code",
            redirect_uri=redirect,
            scope=self._scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        claims = {"state": state, "nonce": nonce, "verifier": verifier, "exp": self._get_timestamp() + SIGN_IN_TIMEOUT_SECONDS}
        return url, jwt.encode({"alg": "HS256"}, claims, self._key)

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        begun = self._read_remembered(remembered)
        if not secrets.compare_digest(str(begun["state"]).encode(), state.encode("utf-8", "replace")):
            raise NotSignedIn(_MISMATCH)
        token = await self._exchange_code(redirect, code, str(begun["verifier"]))
        claims = await self._verify(token)
        if claims.get("nonce") != begun["nonce"]:
            raise NotSignedIn(_MISMATCH)
        return _to_identity(self._issuer, claims)

    async def close(self) -> None:
        await self._discovery.close()

    def _get_timestamp(self) -> int:
        return int(self._clock.now().timestamp())

    def _read_remembered(self, remembered: str) -> Mapping[str, Any]:
        try:
            claims = jwt.decode(remembered, self._key, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(now=self._get_timestamp(), exp={"essential": True}).validate(claims)
        except (JoseError, ValueError) as error:
            raise NotSignedIn(_MISMATCH) from error
        return claims

    async def _exchange_code(self, redirect: str, code: str, verifier: str) -> str:
        """Exchange the authorization code for an ID token."""
        metadata = await self._discovery.get_metadata()
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        uses_header = "client_secret_basic" in methods
        auth = (self._client_id, self._client_secret) if uses_header else None
        credentials = {} if uses_header else {"client_id": self._client_id, "client_secret": self._client_secret}
        body = prepare_token_request("authorization_code", redirect_uri=redirect, code=code, code_verifier=verifier, **credentials)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response = await self._discovery.request("POST", metadata["token_endpoint"], content=body, headers=headers, auth=auth)
        token = response.get("id_token")
        if not isinstance(token, str):
            raise NotSignedIn("The identity provider did not return an ID token. Try again.")
        return token

    async def _verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of an ID token. Raise NotSignedIn if its signature or claims are not valid."""
        try:
            decoded = jwt.decode(token, await self._discovery.get_keys(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            decoded = await self._decode_with_fresh_keys(token)
        rules = jwt.JWTClaimsRegistry(
            now=self._get_timestamp(),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            rules.validate(decoded.claims)
        except JoseError as error:
            raise NotSignedIn("The identity provider's ID token is not valid for Headgate or has expired.") from error
        if "azp" in decoded.claims and decoded.claims["azp"] != self._client_id:
            raise NotSignedIn("The identity provider's ID token belongs to another application.")
        return decoded.claims

    async def _decode_with_fresh_keys(self, token: str) -> jwt.Token:
        """Decode the token with newly fetched keys, because the provider may have rotated them."""
        try:
            return jwt.decode(token, await self._discovery.get_keys(refresh=True), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise NotSignedIn("The signature of the identity provider's ID token is not valid.") from error


def _to_identity(issuer: str, claims: Mapping[str, Any]) -> ExternalIdentity:
    """Build the identity. An email address is used only if the provider verified it, because roles may depend on it."""
    email = claims.get("email") if claims.get("email_verified") is True else None
    name = next(str(value) for value in (email, claims.get("preferred_username"), claims["sub"]) if value)
    groups = claims.get("groups")
    group_names = [str(group) for group in groups] if isinstance(groups, list) else [groups] if isinstance(groups, str) else []
    return ExternalIdentity(f"{issuer}|{claims['sub']}", name, group_names, str(email) if email else None)
