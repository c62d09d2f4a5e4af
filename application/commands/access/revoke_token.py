"""Revoke an API token."""

from collections.abc import Callable
from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import Actor
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Revoke a token with immediate effect. Revoking it again changes nothing. Raises NotFound."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    invalidate_callers: Callable[[], None]
    """Clears the cache of authenticated callers."""

    async def __call__(self, token_id: int, actor: Actor) -> ApiToken:
        async with self.open_unit_of_work() as work:
            now = self.clock.now()
            token = await work.api_tokens.find_by_id(token_id)
            if token is None:
                raise NotFound("token", token_id)
            if await work.api_tokens.revoke(token_id, now):
                await work.audit.add([create_audit_entry(actor, AuditAction.TOKEN_REVOKED, f"token {token_id}", now, name=token.name)])
            revoked = await work.api_tokens.find_by_id(token_id)
            assert revoked is not None
            await work.commit()
        self.invalidate_callers()
        return revoked
