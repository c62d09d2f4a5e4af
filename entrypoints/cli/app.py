"""The `headgate` command. Everything heavy is imported by the command that needs it, so help is quick."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from application.ports.telemetry.telemetry import Telemetry
    from entrypoints.settings import Settings

_KNOWN_ERRORS = {
    ("entrypoints.settings", "SettingsError"),
    ("entrypoints.supervisor.instance_lock", "StartError"),
    ("adapters.persistence.embedded.errors", "EmbeddedServerError"),
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

    from entrypoints.supervisor.process_plan import ProcessPlan
    from entrypoints.supervisor.supervisor import Supervisor

    async def run(settings: "Settings") -> None:
        settings.check_exposure()
        await Supervisor(settings, ProcessPlan(settings, examples)).run()

    asyncio.run(run(read_settings()))


@app.command()
def web() -> None:
    """Serve the pages and the API. Needs a database: `headgate up` hands it one."""
    settings = _require_database(read_settings())
    settings.check_exposure()
    # First: it patches what the rest imports.
    telemetry = _telemetry("web", settings)
    importlib.import_module("entrypoints.http.server").serve(settings, telemetry)


@app.command()
def worker() -> None:
    """Run stages for the web at HEADGATE_URL, recorded in Prefect."""
    settings = read_settings()
    if settings.prefect_api_url is None:
        raise _settings_error("A worker needs HEADGATE_PREFECT_API_URL, and HEADGATE_URL when the web is elsewhere; or use `headgate up`.")
    from adapters.orchestration.prefect_environment import build_client_environment

    auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
    environment = build_client_environment(settings.home, settings.prefect_api_url, auth, os.environ)
    os.environ.clear()
    os.environ.update(environment)
    telemetry = _telemetry("worker", settings)
    importlib.import_module("entrypoints.worker.main").serve(settings, telemetry)


@app.command()
def migrate() -> None:
    """Bring the database of HEADGATE_DATABASE_URL to the newest schema."""
    settings = _require_database(read_settings())
    assert settings.database_url is not None
    importlib.import_module("adapters.persistence.migrate").upgrade(settings.database_url.get_secret_value())


@app.command()
def prune() -> None:
    """Forget now what has been kept long enough (HEADGATE_KEEP_LOGS_DAYS, HEADGATE_KEEP_EVENTS_DAYS), and say what that was."""
    with open_database(read_settings()) as settings:
        for line in importlib.import_module("entrypoints.cli.actions.maintenance").prune(settings):
            typer.echo(line)


@app.command("retry-prefect")
def retry_prefect() -> None:
    """Offer to Prefect at once what it refused and is left alone for a time."""
    with open_database(read_settings()) as settings:
        typer.echo(importlib.import_module("entrypoints.cli.actions.maintenance").retry_prefect(settings))


@app.command("worker-token")
def worker_token() -> None:
    """Print the token that a worker on another machine needs as HEADGATE_WORKER_TOKEN."""
    from adapters.identity.hmac_tokens import HmacTokens

    typer.echo(HmacTokens(read_settings().secret_key().encode()).issue_worker_token())


@app.command()
def config() -> None:
    """Print the settings in force, with secrets hidden."""
    for name, value in read_settings().masked().items():
        typer.echo(f"{name}={value}")


def main() -> None:
    """The console script: an error of a known kind is one line on stderr and exit code 2."""
    importlib.import_module("entrypoints.cli.commands.pipelines").register_commands(app)
    run_and_report_errors(app)


def run_and_report_errors(work: Callable[[], object]) -> None:
    """Do `work`; an error of a known kind becomes one line on stderr and exit code 2, another stays what it is."""
    try:
        work()
    except Exception as error:
        if not _is_known_error(error):
            raise
        print(f"headgate: {error}", file=sys.stderr)
        sys.exit(2)


def read_settings() -> "Settings":
    from entrypoints.settings import Settings

    return Settings.read()


def _telemetry(process: str, settings: "Settings") -> "Telemetry":
    from adapters.telemetry.setup import start_telemetry

    return start_telemetry(process, settings.telemetry)


def _settings_error(text: str) -> Exception:
    from entrypoints.settings import SettingsError

    return SettingsError(text)


def _require_database(settings: "Settings") -> "Settings":
    if settings.database_url is None:
        raise _settings_error("HEADGATE_DATABASE_URL is not set; `headgate up` runs an embedded PostgreSQL and hands it on.")
    return settings


@contextlib.contextmanager
def open_database(settings: "Settings") -> Iterator["Settings"]:
    """The database of the setting, else the embedded one of the home; one that does not run is started, and stopped again."""
    if settings.database_url is not None or not (settings.home / "postgres" / "password").exists():
        yield _require_database(settings)
        return
    from pydantic import SecretStr

    embedded = importlib.import_module("adapters.persistence.embedded.server").EmbeddedPostgres(settings.home)
    embedded.start()
    try:
        yield settings.model_copy(update={"database_url": SecretStr(embedded.url())})
    finally:
        if not embedded.adopted:
            embedded.stop()


def _is_known_error(error: Exception) -> bool:
    """By name, for errors whose modules may not be loaded: what was never imported was never raised."""
    kinds = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    return bool(kinds & _KNOWN_ERRORS)


if __name__ == "__main__":
    main()
