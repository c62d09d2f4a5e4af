"""Reads accounts, API tokens and the audit log."""

from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, AuditEntry


@dataclass(frozen=True, slots=True)
class AccessQueries:
    """Each query is a short transaction of its own."""

    open_unit_of_work: OpenUnitOfWork

    async def list_tokens(self) -> list[ApiToken]:
        """Return all tokens, newest first, including revoked ones."""
        async with self.open_unit_of_work() as work:
            return await work.api_tokens.list_all()

    async def get_token(self, token_id: int) -> ApiToken | None:
        async with self.open_unit_of_work() as work:
            return await work.api_tokens.find_by_id(token_id)

    async def list_accounts(self) -> list[Account]:
        """Return all accounts by name."""
        async with self.open_unit_of_work() as work:
            return await work.accounts.list_all()

    async def list_audit_entries(
        self, limit: int, below: int | None = None, action: AuditAction | None = None, actor: str | None = None
    ) -> list[AuditEntry]:
        """Return audit entries, newest first, with an id below `below`."""
        async with self.open_unit_of_work() as work:
            return await work.audit.page(limit, below, action, actor)
