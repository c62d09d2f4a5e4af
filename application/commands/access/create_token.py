"""Create an API token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.ports.access.credentials import Credentials
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import Actor
from domain.access.api_tokens import ApiToken, TokenKind, check_new_token, check_worker_name
from domain.access.audit import AuditAction, create_audit_entry
from domain.access.permissions import Scope
from domain.errors import InvalidInput

_HINT_LENGTH = 4


@dataclass(frozen=True, slots=True)
class NewToken:
    """The token to create. A reporter's token has one pipeline and only the scope report, a worker's token neither."""

    name: str
    kind: TokenKind
    scopes: Sequence[Scope]
    pipeline: PipelineRef | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A created token. `text` is the token itself, which is not stored and is shown only once."""

    token: ApiToken
    text: str


@dataclass(frozen=True, slots=True)
class CreateToken:
    """Create an API token. Raises InvalidInput with every invalid field."""

    open_unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock

    async def __call__(self, new: NewToken, actor: Actor) -> CreatedToken:
        async with self.open_unit_of_work() as work:
            now = self.clock.now()
            pipeline = None if new.pipeline is None else await work.pipelines.find(new.pipeline)
            if new.pipeline is not None and pipeline is None:
                raise InvalidInput.for_field("pipeline", "does not exist")
            scopes = tuple(scope for scope in Scope if scope in new.scopes)
            pipeline_id = pipeline.id if pipeline else None
            check_new_token(new.name.strip(), new.kind, scopes, pipeline_id, new.expires_at, now)
            if new.kind is TokenKind.WORKER:
                await work.api_tokens.lock_names()
                check_worker_name(new.name.strip(), await work.api_tokens.list_all(), now)
            text = self.credentials.new_token(new.kind)
            draft = ApiToken(0, new.name.strip(), new.kind, scopes, pipeline_id, text[-_HINT_LENGTH:], actor.name, now, new.expires_at)
            token = await work.api_tokens.add(draft, self.credentials.digest(text))
            details: dict[str, Any] = {"name": token.name, "kind": token.kind.value, "scopes": [scope.value for scope in scopes]}
            details["pipeline"] = pipeline.name if pipeline else None
            await work.audit.add([create_audit_entry(actor, AuditAction.TOKEN_CREATED, f"token {token.id}", now, **details)])
            await work.commit()
        return CreatedToken(token, text)
