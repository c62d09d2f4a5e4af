"""Signatures of the commands for operators of an installation: migrate, prune, retry-prefect, worker-token, config."""

import typer


def migrate() -> None:
    """Upgrade the database at HEADGATE_DATABASE_URL to the newest schema."""
    from entrypoints.cli.actions.provisioning import migrate_database

    migrate_database()


def prune() -> None:
    """Delete logs and events past their retention (HEADGATE_KEEP_LOGS_DAYS, HEADGATE_KEEP_EVENTS_DAYS), and print what was deleted."""
    from entrypoints.cli.actions.maintenance import prune_database

    for line in prune_database():
        typer.echo(line)


def retry_prefect() -> None:
    """Send the dispatches that Prefect refused to it again, without waiting for their retry time."""
    from entrypoints.cli.actions.maintenance import release_quarantine

    typer.echo(release_quarantine())


def worker_token() -> None:
    """Print the token that a worker on another machine needs as HEADGATE_WORKER_TOKEN."""
    from entrypoints.cli.actions.provisioning import issue_worker_token

    typer.echo(issue_worker_token())


def config() -> None:
    """Print the settings in force, with secrets masked."""
    from entrypoints.settings import Settings

    for name, value in Settings.read().masked().items():
        typer.echo(f"{name}={value}")
