"""Manage API tokens on the database itself."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from application.commands.access.create_token import NewToken
from domain.access.api_tokens import ApiToken, TokenKind, find_active_worker_token
from domain.access.permissions import Scope
from domain.errors import InvalidInput
from entrypoints.cli.actions.local_application import get_terminal_actor, run_local_action
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import format_rows
from entrypoints.container import Application
from entrypoints.process.command_name import get_command


class TokenActions:
    """Each action returns the lines to print."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._actor = get_terminal_actor()

    async def create(self, name: str, scopes: Sequence[Scope], pipeline: str | None, reporter: bool, days: int | None) -> Sequence[str]:
        """Return the token itself, which is valid for `days`, or until it is revoked. A reporter's token has the report scope only."""
        kind = TokenKind.REPORTER if reporter else TokenKind.API
        return await self._create(name, kind, [Scope.REPORT] if reporter else scopes, pipeline, days)

    async def list(self, wide: bool = False) -> Sequence[str]:
        rows = []
        for token in await self._application.access_queries().list_tokens():
            rows.append([str(token.id), sanitize(token.name), f"…{token.hint}", _describe_state(token), ",".join(token.scopes)])
        return format_rows(rows, name_column=1, wide=wide) or [f"No tokens yet. Create one: {get_command()} token create NAME --scope read"]

    async def create_for_worker(self, name: str, days: int | None) -> Sequence[str]:
        """Return the token itself, which is valid for `days`, or until it is revoked."""
        return await self._create(name, TokenKind.WORKER, (), None, days)

    async def list_of_workers(self, wide: bool = False) -> Sequence[str]:
        rows = []
        for token in await self._application.access_queries().list_tokens():
            if token.kind is TokenKind.WORKER:
                used = f"last used {token.used_on:%Y-%m-%d}" if token.used_on else "never used"
                author = f"by {sanitize(token.created_by or '-')}"
                rows.append(
                    [sanitize(token.name), f"…{token.hint}", _describe_state(token), used, f"created {token.created_at:%Y-%m-%d}", author]
                )
        return format_rows(rows, name_column=0, wide=wide) or [
            f"No worker tokens yet. Create one: {get_command()} worker-tokens create NAME"
        ]

    async def revoke_of_worker(self, name: str) -> Sequence[str]:
        """Revoke the active worker token of this name. Raises InvalidInput if there is none."""
        tokens = await self._application.access_queries().list_tokens()
        token = find_active_worker_token(name.strip(), tokens, self._application.adapters.clock().now())
        if token is None:
            raise InvalidInput.for_field("name", "is not the name of an active worker token")
        return await self.revoke(token.id)

    async def revoke(self, token_id: int) -> Sequence[str]:
        token = await self._application.revoke_token()(token_id, self._actor)
        return [f"Revoked token {token.name} (…{token.hint})."]

    async def _create(self, name: str, kind: TokenKind, scopes: Sequence[Scope], pipeline: str | None, days: int | None) -> Sequence[str]:
        expires_at = self._application.adapters.clock().now() + timedelta(days=days) if days else None
        created = await self._application.create_token()(NewToken(name, kind, scopes, pipeline, expires_at), self._actor)
        return [created.text]


def _describe_state(token: ApiToken) -> str:
    if token.revoked_at:
        return "revoked"
    return f"expires {token.expires_at:%Y-%m-%d}" if token.expires_at else "does not expire"


def run_token_action(action: Callable[[TokenActions], Awaitable[Sequence[str]]]) -> None:
    """Run the action on the configured database, print its lines, and exit with code 2 if the change is refused."""
    run_local_action(lambda application: action(TokenActions(application)))
