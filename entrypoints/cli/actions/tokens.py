"""Manage API tokens on the database itself."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import typer

from application.commands.access.create_token import NewToken
from application.queries.access.token_workers import describe_revocation
from domain.access.api_tokens import ApiToken, TokenKind, find_active_worker_token
from domain.access.permissions import Scope
from domain.errors import InvalidInput, NotFound
from entrypoints.cli.actions.local_application import get_terminal_actor, run_local_action
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import format_rows
from entrypoints.cli.screens.token_lists import describe_state, format_worker_tokens, to_json_object
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

    async def list(self, as_json: bool, wide: bool = False) -> Sequence[str]:
        tokens = await self._application.access_queries().list_tokens()
        if as_json:
            return await self._to_json(tokens)
        rows = [
            [
                str(token.id),
                sanitize(token.name),
                f"…{token.hint}",
                describe_state(token, self._now()),
                ",".join(token.scopes) or token.kind,
            ]
            for token in tokens
        ]
        return format_rows(rows, name_column=1, wide=wide) or [f"No tokens yet. Create one: {get_command()} token create NAME --scope read"]

    async def create_for_worker(self, name: str, days: int | None) -> Sequence[str]:
        """Return the token itself, which is valid for `days`, or until it is revoked."""
        return await self._create(name, TokenKind.WORKER, (), None, days)

    async def list_of_workers(self, as_json: bool, wide: bool = False) -> Sequence[str]:
        """Return the worker tokens, each with the workers that have used it."""
        tokens = [token for token in await self._application.access_queries().list_tokens() if token.kind is TokenKind.WORKER]
        if as_json:
            return await self._to_json(tokens)
        workers = await self._application.access_queries().list_token_workers(tokens)
        return format_worker_tokens(tokens, workers, self._now(), wide) or [
            f"No worker tokens yet. Create one: {get_command()} worker-tokens create NAME"
        ]

    async def revoke_of_worker(self, name: str, yes: bool) -> Sequence[str]:
        """Revoke the active worker token of this name. Raises InvalidInput if there is none."""
        tokens = await self._application.access_queries().list_tokens()
        token = find_active_worker_token(name.strip(), tokens, self._now())
        if token is None:
            raise InvalidInput.for_field("name", "is not the name of an active worker token")
        return await self._revoke(token, yes)

    async def revoke(self, token_id: int, yes: bool) -> Sequence[str]:
        """Revoke a token. Raises NotFound."""
        token = await self._application.access_queries().get_token(token_id)
        if token is None:
            raise NotFound("token", token_id)
        return await self._revoke(token, yes)

    async def _revoke(self, token: ApiToken, yes: bool) -> Sequence[str]:
        """Revoke the token. In a terminal, ask first if its workers are online."""
        workers = (await self._application.access_queries().list_token_workers([token]))[token.id]
        is_online = any(worker.is_online for worker in workers)
        if is_online:
            typer.echo(sanitize(describe_revocation(workers)))
        if is_online and not yes and sys.stdin.isatty() and not typer.confirm(f"Revoke token {sanitize(token.name)}?"):
            raise typer.Exit(1)
        await self._application.revoke_token()(token.id, self._actor)
        return [sanitize(f"Revoked token {token.name} (…{token.hint}).")]

    async def _to_json(self, tokens: Sequence[ApiToken]) -> Sequence[str]:
        workers = await self._application.access_queries().list_token_workers(tokens)
        return [json.dumps([to_json_object(token, workers[token.id]) for token in tokens], ensure_ascii=False, indent=2)]

    def _now(self) -> datetime:
        now: datetime = self._application.adapters.clock().now()
        return now

    async def _create(self, name: str, kind: TokenKind, scopes: Sequence[Scope], pipeline: str | None, days: int | None) -> Sequence[str]:
        expires_at = self._now() + timedelta(days=days) if days else None
        created = await self._application.create_token()(NewToken(name, kind, scopes, pipeline, expires_at), self._actor)
        return [created.text]


def run_token_action(action: Callable[[TokenActions], Awaitable[Sequence[str]]]) -> None:
    """Run the action on the configured database, print its lines, and exit with code 2 if the change is refused."""
    run_local_action(lambda application: action(TokenActions(application)))
