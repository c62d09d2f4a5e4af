"""Signatures of the `headgate token` and `headgate worker-tokens` commands. They work on the database itself."""

from typing import Annotated

import typer

from domain.access.permissions import Scope
from entrypoints.cli.commands.remote import AsJson, Wide

tokens = typer.Typer(help="Manage API tokens.", no_args_is_help=True)
worker_tokens = typer.Typer(help="Manage the tokens of workers on other machines.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Revoke without asking for confirmation.")]


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    scope: Annotated[list[Scope] | None, typer.Option("--scope", "-s", help="What the token allows; repeatable.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Limit the token to this pipeline.")] = None,
    reporter: Annotated[bool, typer.Option("--reporter", help="Allow status reports for --pipeline only.")] = False,
    days: Annotated[int | None, typer.Option(min=1, help="Days until the token expires. Default: it does not expire.")] = None,
) -> None:
    """Create a token and print it. It cannot be shown again."""
    from entrypoints.cli.actions.tokens import run_token_action

    run_token_action(lambda tokens: tokens.create(name, scope or (), pipeline, reporter, days))


@tokens.command("list")
def list_tokens(as_json: AsJson = False, wide: Wide = False) -> None:
    """List all tokens, without their secret part."""
    from entrypoints.cli.actions.tokens import run_token_action

    run_token_action(lambda tokens: tokens.list(as_json, wide))


@tokens.command("revoke")
def revoke_token(token_id: Annotated[int, typer.Argument(metavar="ID", min=1)], yes: Yes = False) -> None:
    """Revoke a token at once. The workers of a worker token stop."""
    from entrypoints.cli.actions.tokens import run_token_action

    run_token_action(lambda tokens: tokens.revoke(token_id, yes))


@worker_tokens.command("create")
def create_worker_token(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    days: Annotated[int | None, typer.Option(min=1, help="Days until the token expires. Default: it does not expire.")] = None,
) -> None:
    """Create a token for workers and print it. It cannot be shown again."""
    from entrypoints.cli.actions.tokens import run_token_action

    run_token_action(lambda tokens: tokens.create_for_worker(name, days))


@worker_tokens.command("list")
def list_worker_tokens(as_json: AsJson = False, wide: Wide = False) -> None:
    """List the tokens of workers: their creator, the day of their last use, and the workers that use them."""
    from entrypoints.cli.actions.tokens import run_token_action

    run_token_action(lambda tokens: tokens.list_of_workers(as_json, wide))


@worker_tokens.command("revoke")
def revoke_worker_token(name: Annotated[str, typer.Argument(metavar="NAME")], yes: Yes = False) -> None:
    """Revoke a worker token. Its workers stop, and their stages are lost when their leases expire. The command names them first."""
    from entrypoints.cli.actions.tokens import run_token_action

    run_token_action(lambda tokens: tokens.revoke_of_worker(name, yes))
