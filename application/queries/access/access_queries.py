"""Reads accounts, API tokens and the audit log."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.persistence.workers import TokenWorker
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.audit import AuditAction, AuditEntry

MAX_WORKERS = 1_000
"""Workers that are listed for each token, those that registered last first."""


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

    async def list_token_workers(self, tokens: Collection[ApiToken]) -> Mapping[int, Sequence[TokenWorker]]:
        """Return the workers that have used each of the tokens, by the token's id. Only worker tokens have any."""
        token_ids = [token.id for token in tokens if token.kind is TokenKind.WORKER]
        found: dict[int, list[TokenWorker]] = {token.id: [] for token in tokens}
        if token_ids:
            async with self.open_unit_of_work() as work:
                for worker in await work.workers.list_token_workers(token_ids, WORKER_SEEN_WITHIN_SECONDS, MAX_WORKERS):
                    found[worker.token_id].append(worker)
        return found

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
