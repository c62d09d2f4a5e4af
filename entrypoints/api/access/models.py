"""Tokens, accounts and the audit log, as the API takes and returns them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from application.commands.access.create_token import CreatedToken
from application.ports.persistence.workers import TokenWorker
from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Role, Scope
from entrypoints.api.shared.models import PipelineRefField, RequestModel, ResponseModel, Timestamp, with_example

Label = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=200)]
_TOKEN_EXAMPLE = {
    "id": 3,
    "name": "ci",
    "kind": "api",
    "scopes": ["read", "trigger"],
    "pipeline_id": None,
    "hint": "x9Zq",
    "created_by": "ada",
    "created_at": "2026-11-23T09:00:00Z",
    "expires_at": "2036-01-01T00:00:00Z",
    "used_on": "2026-11-24T00:00:00Z",
    "revoked_at": None,
    "workers": [],
}
_WORKER_EXAMPLE = {
    "name": "lab-2",
    "address": "10.0.0.8",
    "first_used_at": "2026-11-23T09:00:00Z",
    "used_at": "2026-11-24T07:30:00Z",
    "is_online": True,
    "running_stages": 1,
}
AUDIT_ENTRY_EXAMPLE = {
    "id": 42,
    "at": "2026-11-23T09:00:00Z",
    "deed": "triggered",
    "who": "ada",
    "way": "session",
    "address": "10.0.0.7",
    "thing": "run 7",
    "details": {"pipeline": "flights", "by": "dashboard"},
}


class CreateTokenRequest(RequestModel):
    """A token to create, with its scopes."""

    model_config = with_example({"name": "ci", "scopes": ["trigger", "read"], "pipeline": None, "expires_at": "2036-01-01T00:00:00Z"})

    name: Label = Field(description="The program or machine that uses it.")
    kind: Literal["api", "reporter", "worker"] = "api"
    scopes: Annotated[list[Annotated[Scope, Field(strict=False)]], Field(max_length=len(Scope))] = []
    """Required, except for kind `worker`."""
    pipeline: PipelineRefField = Field(None, description="Id or name of the pipeline to which the token is limited.")
    expires_at: Timestamp = Field(None, description="Never expires if omitted.")


class CreateAccountRequest(RequestModel):
    """A user who can sign in."""

    model_config = with_example({"name": "ada", "role": "operator", "password": "correct horse battery staple"})

    name: Label
    role: Annotated[Role, Field(strict=False)]
    password: Password


class ChangeAccountRequest(RequestModel):
    """The changes to an account. Omitted fields do not change."""

    model_config = with_example({"role": "admin"})

    role: Annotated[Role, Field(strict=False)] | None = None
    disabled: bool | None = None
    password: Password | None = None


class TokenWorkerResponse(ResponseModel):
    """A worker that has used a worker token."""

    model_config = with_example(_WORKER_EXAMPLE)

    name: str
    address: str | None = Field(description="The address that it registered from last.")
    first_used_at: datetime
    used_at: datetime = Field(description="When it registered last.")
    is_online: bool
    running_stages: int


class TokenResponse(ResponseModel):
    """A token, without its secret part."""

    model_config = with_example(_TOKEN_EXAMPLE)

    id: int
    name: str
    kind: Literal["api", "reporter", "worker"]
    scopes: list[Scope]
    pipeline_id: int | None
    hint: str = Field(description="Its last characters.")
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    used_on: datetime | None = Field(description="The date of its last use.")
    revoked_at: datetime | None
    workers: list[TokenWorkerResponse] = Field([], description="The workers that have used a worker token.")

    @classmethod
    def with_workers(cls, token: ApiToken, workers: Sequence[TokenWorker]) -> Self:
        """Build the response of a token and the workers that have used it."""
        response = cls.from_view(token)
        response.workers = [TokenWorkerResponse.from_view(worker) for worker in workers]
        return response


class CreatedTokenResponse(TokenResponse):
    """A new token. `token` is returned only once."""

    model_config = with_example({**_TOKEN_EXAMPLE, "used_on": None, "token": "hg_api_…"})

    token: str

    @classmethod
    def from_view(cls, view: CreatedToken) -> Self:
        """Build the response from the use case's result."""
        return cls(**TokenResponse.from_view(view.token).model_dump(), token=view.text)


class AccountResponse(ResponseModel):
    """An account."""

    model_config = with_example(
        {
            "name": "ada",
            "role": "operator",
            "by_provider": False,
            "created_at": "2026-11-23T09:00:00Z",
            "seen_at": None,
            "disabled_at": None,
        }
    )

    name: str
    role: Role
    by_provider: bool = Field(description="True if the user signs in through the identity provider, without a password.")
    created_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None

    @classmethod
    def from_view(cls, view: Account) -> Self:
        """Build the response of an account."""
        return cls(
            name=view.name,
            role=view.role,
            by_provider=view.password is None,
            created_at=view.created_at,
            seen_at=view.seen_at,
            disabled_at=view.disabled_at,
        )


class AuditEntryResponse(ResponseModel):
    """An entry of the audit log."""

    model_config = with_example(AUDIT_ENTRY_EXAMPLE)

    id: int
    at: datetime
    deed: AuditAction
    who: str | None = Field(description="Null if Headgate requires no sign-in.")
    way: str | None = Field(description="How the caller was identified: session, token, terminal…")
    address: str | None
    thing: str
    details: dict[str, Any]

    @classmethod
    def from_view(cls, view: AuditEntry) -> Self:
        """Build the response of an entry."""
        return cls(
            id=view.id,
            at=view.at,
            deed=view.action,
            who=view.actor,
            way=view.auth_method,
            address=view.address,
            thing=view.subject,
            details=dict(view.details),
        )
