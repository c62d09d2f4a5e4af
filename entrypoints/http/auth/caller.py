"""The caller of the current request, as the authorization middleware found it."""

from typing import Final

from fastapi import Request
from starlette.types import Scope

from application.ports.credentials import Credentials
from application.ports.tokens import AttemptClaims, WorkerClaims
from domain.access import ANONYMOUS, Caller
from domain.controls import Person

FORM_KEY: Final = "_key"
"""The hidden form field that proves a form came from one of our pages."""
CALLER: Final = "headgate.caller"
CLAIMS: Final = "headgate.claims"
SESSION: Final = "headgate.session"


def caller_in(scope: Scope) -> Caller:
    """Return the caller; ANONYMOUS before authorization."""
    caller: Caller = scope.get(CALLER, ANONYMOUS)
    return caller


def caller_of(request: Request) -> Caller:
    """Return the caller; ANONYMOUS before authorization."""
    return caller_in(request.scope)


def person_of(request: Request) -> Person:
    """Return the actor that the run's history and the audit log name."""
    return caller_of(request).person(address_of(request))


def claims_in(scope: Scope) -> AttemptClaims | WorkerClaims | None:
    """Return the claims of a worker's or an attempt's token; None for other callers."""
    found: AttemptClaims | WorkerClaims | None = scope.get(CLAIMS)
    return found


def claims_of(request: Request) -> AttemptClaims | WorkerClaims | None:
    """Return the claims of a worker's or an attempt's token; None for other callers."""
    return claims_in(request.scope)


def session_of(request: Request) -> str | None:
    """Return the session key that the request's cookie holds."""
    found: str | None = request.scope.get(SESSION)
    return found


def address_of(request: Request) -> str | None:
    """Return the client's IP address, as the server or a trusted proxy reports it."""
    return request.client.host if request.client else None


def form_key_of(request: Request) -> str:
    """Return the value that this session's forms must send; empty without a session."""
    session = session_of(request)
    if session is None:
        return ""
    credentials: Credentials = request.app.state.application.adapters.credentials()
    return credentials.form_key(session)
