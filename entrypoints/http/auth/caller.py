"""The caller of the current request, as the authorization middleware found it."""

from typing import Final

from fastapi import Request
from starlette.types import Scope

from application.ports.access.credentials import Credentials
from application.ports.access.execution_tokens import AttemptClaims, WorkerClaims
from domain.access.actor import Actor
from domain.access.caller import ANONYMOUS, AuthMethod, Caller
from domain.access.permissions import Permission, describe_required_role, describe_required_scope
from domain.errors import NotAllowed

CSRF_FIELD: Final = "_key"
"""The hidden form field that proves a form came from one of our pages."""
CALLER: Final = "headgate.caller"
CLAIMS: Final = "headgate.claims"
SESSION: Final = "headgate.session"


def get_caller_from_scope(scope: Scope) -> Caller:
    """Return the caller; ANONYMOUS before authorization."""
    caller: Caller = scope.get(CALLER, ANONYMOUS)
    return caller


def get_caller(request: Request) -> Caller:
    """Return the caller; ANONYMOUS before authorization."""
    return get_caller_from_scope(request.scope)


def get_actor(request: Request) -> Actor:
    """Return the actor that the run's history and the audit log name."""
    return get_caller(request).to_actor(get_client_address(request))


def require_permission(request: Request, permission: Permission) -> None:
    """Raise NotAllowed if the caller lacks a permission that only some requests to its route need."""
    caller = get_caller(request)
    if not caller.has_permission(permission):
        describe = describe_required_scope if caller.auth_method is AuthMethod.TOKEN else describe_required_role
        raise NotAllowed(describe(permission))


def get_claims_from_scope(scope: Scope) -> AttemptClaims | WorkerClaims | None:
    """Return the claims of a worker's or an attempt's token; None for other callers."""
    found: AttemptClaims | WorkerClaims | None = scope.get(CLAIMS)
    return found


def get_claims(request: Request) -> AttemptClaims | WorkerClaims | None:
    """Return the claims of a worker's or an attempt's token; None for other callers."""
    return get_claims_from_scope(request.scope)


def get_session_key(request: Request) -> str | None:
    """Return the session key that the request's cookie holds."""
    found: str | None = request.scope.get(SESSION)
    return found


def get_client_address(request: Request) -> str | None:
    """Return the client's IP address, as the server or a trusted proxy reports it."""
    return request.client.host if request.client else None


def get_csrf_token(request: Request) -> str:
    """Return the value that this session's forms must send; empty without a session."""
    session = get_session_key(request)
    if session is None:
        return ""
    credentials: Credentials = request.app.state.application.adapters.credentials()
    return credentials.form_key(session)
