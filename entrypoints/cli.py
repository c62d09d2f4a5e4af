"""The `headgate` command. Everything heavy is imported by the command that needs it, so help is quick."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from application.ports.telemetry import Telemetry
    from entrypoints.settings import Settings

_KNOWN = {
    ("entrypoints.settings", "SettingsError"),
    ("entrypoints.claim", "StartError"),
    ("adapters.persistence.embedded_errors", "EmbeddedServerError"),
    ("domain.errors", "Unavailable"),
}

app = typer.Typer(
    help="The front door to a team's pipelines: define, trigger and watch them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up(examples: Annotated[bool, typer.Option(help="Register the example pipelines when there are none.")] = True) -> None:
    """Run everything on this machine: PostgreSQL, Prefect, the web and a worker. Ctrl-C stops it all."""
    import asyncio

    from entrypoints.supervisor import Up
    from entrypoints.up_plan import Plan

    async def run(settings: "Settings") -> None:
        settings.check_door()
        await Up(settings, Plan(settings, examples)).run()

    asyncio.run(run(own_settings()))


@app.command()
def web() -> None:
    """Serve the pages and the API. Needs a database: `headgate up` hands it one."""
    settings = _with_database(own_settings())
    settings.check_door()
    # First: it patches what the rest imports.
    telemetry = _telemetry("web", settings)
    importlib.import_module("entrypoints.web.server").serve(settings, telemetry)


@app.command()
def worker() -> None:
    """Run stages for the web at HEADGATE_URL, recorded in Prefect."""
    settings = own_settings()
    if settings.prefect_api_url is None:
        raise _mistake("A worker needs HEADGATE_PREFECT_API_URL, and HEADGATE_URL when the web is elsewhere; or use `headgate up`.")
    from adapters.orchestration.server import client_environment

    auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
    environment = client_environment(settings.home, settings.prefect_api_url, auth, os.environ)
    os.environ.clear()
    os.environ.update(environment)
    telemetry = _telemetry("worker", settings)
    importlib.import_module("entrypoints.worker.main").serve(settings, telemetry)


@app.command()
def migrate() -> None:
    """Bring the database of HEADGATE_DATABASE_URL to the newest schema."""
    settings = _with_database(own_settings())
    assert settings.database_url is not None
    importlib.import_module("adapters.persistence.migrate").upgrade(settings.database_url.get_secret_value())


@app.command()
def prune() -> None:
    """Forget now what has been kept long enough (HEADGATE_KEEP_LOGS_DAYS, HEADGATE_KEEP_EVENTS_DAYS), and say what that was."""
    with any_database(own_settings()) as settings:
        for line in importlib.import_module("entrypoints.prune").prune(settings):
            typer.echo(line)


@app.command("retry-prefect")
def retry_prefect() -> None:
    """Offer to Prefect at once what it refused and is left alone for a time."""
    with any_database(own_settings()) as settings:
        typer.echo(importlib.import_module("entrypoints.prune").retry_prefect(settings))


@app.command("worker-token")
def worker_token() -> None:
    """Print the token that a worker on another machine needs as HEADGATE_WORKER_TOKEN."""
    from adapters.system.tokens import HmacTokens

    typer.echo(HmacTokens(own_settings().secret_key().encode()).for_worker())


@app.command()
def config() -> None:
    """Print the settings in force, with secrets hidden."""
    for name, value in own_settings().masked().items():
        typer.echo(f"{name}={value}")


def main() -> None:
    """The console script: an error of a known kind is one line on stderr and exit code 2."""
    importlib.import_module("entrypoints.commands_cli").register(app)
    run_and_tell(app)


def run_and_tell(work: Callable[[], object]) -> None:
    """Do `work`; an error of a known kind becomes one line on stderr and exit code 2, another stays what it is."""
    try:
        work()
    except Exception as error:
        if not _is_told_in_one_line(error):
            raise
        print(f"headgate: {error}", file=sys.stderr)
        sys.exit(2)


def own_settings() -> "Settings":
    from entrypoints.settings import Settings

    return Settings.read()


def _telemetry(process: str, settings: "Settings") -> "Telemetry":
    from adapters.telemetry.switch import begin

    return begin(process, settings.telemetry)


def _mistake(text: str) -> Exception:
    from entrypoints.settings import SettingsError

    return SettingsError(text)


def _with_database(settings: "Settings") -> "Settings":
    if settings.database_url is None:
        raise _mistake("HEADGATE_DATABASE_URL is not set; `headgate up` runs an embedded PostgreSQL and hands it on.")
    return settings


@contextlib.contextmanager
def any_database(settings: "Settings") -> Iterator["Settings"]:
    """The database of the setting, else the embedded one of the home; one that does not run is started, and stopped again."""
    if settings.database_url is not None or not (settings.home / "postgres" / "password").exists():
        yield _with_database(settings)
        return
    from pydantic import SecretStr

    embedded = importlib.import_module("adapters.persistence.embedded").EmbeddedPostgres(settings.home)
    embedded.start()
    try:
        yield settings.model_copy(update={"database_url": SecretStr(embedded.url())})
    finally:
        if not embedded.adopted:
            embedded.stop()


def _is_told_in_one_line(error: Exception) -> bool:
    """By name, for errors whose modules may not be loaded: what was never imported was never raised."""
    kinds = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    return bool(kinds & _KNOWN)


if __name__ == "__main__":
    main()
