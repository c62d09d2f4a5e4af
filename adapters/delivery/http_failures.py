"""Describe failures of HTTP requests in sentences. They name the host only: the rest of a URL may be a secret."""

from __future__ import annotations

import ssl
from typing import TypeVar

import httpx

E = TypeVar("E", bound=BaseException)


def describe_http_failure(host: str, failure: Exception) -> str:
    """Return a sentence that says why the host gave no response."""
    if isinstance(failure, httpx.ProxyError):
        return f"Could not reach {host} through the proxy: {_to_one_line(failure)}."
    if (tls := _find_cause(failure, ssl.SSLError)) is not None:
        if isinstance(tls, ssl.SSLCertVerificationError):
            return f"The certificate of {host} is not valid: {tls.verify_message.rstrip('.')}."
        return f"TLS connection to {host} failed: {tls.reason or type(tls).__name__}."
    if isinstance(failure, httpx.ConnectTimeout):
        return f"{host} did not accept the connection in time."
    if isinstance(failure, httpx.ConnectError):
        refused = _find_cause(failure, ConnectionRefusedError)
        return f"{host} refused the connection." if refused is not None else f"Could not reach {host}."
    if isinstance(failure, httpx.TimeoutException):
        return f"{host} did not respond in time."
    if isinstance(failure, httpx.NetworkError | httpx.RemoteProtocolError):
        return f"{host} closed the connection before its response was complete."
    return f"The request to {host} failed ({type(failure).__name__})."


def _find_cause(failure: BaseException, kind: type[E]) -> E | None:
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__ or cause.__context__
    return cause


def _to_one_line(failure: Exception) -> str:
    return "".join(character if character.isprintable() else " " for character in str(failure)[:200]).strip().rstrip(".")
