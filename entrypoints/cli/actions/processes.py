"""Run the supervisor, the web process or a worker in this process.

The web server and the worker are imported by name, after telemetry has started, because telemetry patches the libraries they import.
"""

import asyncio
import importlib

from adapters.system.network import explain_port_problem
from adapters.telemetry.setup import start_telemetry
from entrypoints.cli.actions.database import require_database
from entrypoints.process.garbage_collection import exempt_from_garbage_collection
from entrypoints.settings import Settings, SettingsError


def run_supervisor(register_examples: bool) -> None:
    """Run `headgate up` until it is stopped."""
    from entrypoints.supervisor.home_folder import prepare_home
    from entrypoints.supervisor.process_plan import ProcessPlan
    from entrypoints.supervisor.supervisor import Supervisor

    settings = Settings.read()
    settings.check_exposure()
    prepare_home(settings.home)
    settings.secret_key()
    asyncio.run(Supervisor(settings, ProcessPlan(settings, register_examples)).run())


def run_web() -> None:
    """Serve until the process is stopped. Raise SettingsError if no database is configured or the address is not safe to listen on."""
    settings = require_database(Settings.read())
    settings.check_exposure()
    settings.secret_key()
    _check_port(settings)
    with exempt_from_garbage_collection():
        _check_schema(settings)
        telemetry = start_telemetry("web", settings.telemetry)
        server = importlib.import_module("entrypoints.http.server")
    server.serve(settings, telemetry)


def _check_port(settings: Settings) -> None:
    """Raise SettingsError if the web server cannot listen on its address."""
    if problem := explain_port_problem(settings.host, settings.port):
        raise SettingsError(problem)


def _check_schema(settings: Settings) -> None:
    """Raise Unavailable if the database answers and its schema does not fit this release."""
    assert settings.database_url is not None
    importlib.import_module("adapters.persistence.schema_state").check_schema(settings.database_url.get_secret_value())


def run_worker() -> None:
    """Run stages until the process is stopped. Raise SettingsError if neither a token nor a Prefect server is configured.

    Without a Prefect server, the web shows the runs in Prefect.
    """
    settings = Settings.read()
    if settings.prefect_api_url is None and settings.worker_token is None:
        raise SettingsError(
            "A worker needs HEADGATE_URL and HEADGATE_WORKER_TOKEN (`headgate worker-tokens create NAME` prints one); or use `headgate up`."
        )
    if settings.worker_token is None:
        settings.secret_key()
    telemetry = start_telemetry("worker", settings.telemetry)
    importlib.import_module("entrypoints.worker.main").serve(settings, telemetry)
