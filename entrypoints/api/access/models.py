"""Tokens, accounts and the audit log: what is taken and given."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Role, Scope
from entrypoints.api.shared.request_models import PipelineRefField, RequestModel, Timestamp

Label = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=200)]


class CreateTokenRequest(RequestModel):
    """What the token is for and good for."""

    name: Label = Field(description="What or who it is for.")
    kind: Literal["api", "reporter"] = "api"
    scopes: Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))]
    pipeline: PipelineRefField = Field(None, description="Id or name of the one pipeline it is bound to.")
    expires_at: Timestamp = Field(None, description="Left out: it has no end.")


class CreateAccountRequest(RequestModel):
    """A person who may sign in."""

    name: Label
    role: Annotated[Role, Field(strict=False)]
    password: Password


class ChangeAccountRequest(RequestModel):
    """What is left out stays."""

    role: Annotated[Role, Field(strict=False)] | None = None
    disabled: bool | None = None
    password: Password | None = None


class TokenResponse(BaseModel):
    """A token, without what makes it one."""

    id: int
    name: str
    kind: Literal["api", "reporter"]
    scopes: list[Scope]
    pipeline_id: int | None
    hint: str = Field(description="Its last characters.")
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    used_on: datetime | None = Field(description="The day it was last used.")
    revoked_at: datetime | None


class CreatedTokenResponse(TokenResponse):
    """A token as it is shown once."""

    token: str


class AccountResponse(BaseModel):
    """An account."""

    name: str
    role: Role
    by_provider: bool = Field(description="They sign in by the identity provider, not by a password.")
    created_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None


class AuditEntryResponse(BaseModel):
    """A line of the audit log."""

    id: int
    at: datetime
    deed: AuditAction
    who: str | None = Field(description="Null where nobody needs to sign in.")
    way: str | None = Field(description="How they were known: session, token, terminal…")
    address: str | None
    thing: str
    details: dict[str, Any]


def token_json(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenResponse.model_fields}


def account_json(account: Account) -> dict[str, Any]:
    found = {name: getattr(account, name) for name in AccountResponse.model_fields if name != "by_provider"}
    return found | {"by_provider": account.password is None}


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in AuditEntryResponse.model_fields}
