"""What is on record of who may come in, and of who did what."""

from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, AuditEntry


@dataclass(frozen=True, slots=True)
class AccessQueries:
    """Each question is a short transaction of its own."""

    open_unit_of_work: OpenUnitOfWork

    async def list_tokens(self) -> list[ApiToken]:
        """Newest first, revoked ones too."""
        async with self.open_unit_of_work() as work:
            return await work.api_tokens.all()

    async def get_token(self, token_id: int) -> ApiToken | None:
        async with self.open_unit_of_work() as work:
            return await work.api_tokens.find_by_id(token_id)

    async def list_accounts(self) -> list[Account]:
        """By name."""
        async with self.open_unit_of_work() as work:
            return await work.accounts.all()

    async def list_audit_entries(
        self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None
    ) -> list[AuditEntry]:
        """Newest first; `below` is the id of the last one seen."""
        async with self.open_unit_of_work() as work:
            return await work.audit.page(limit, below, deed, who)
