"""One fixture per port; `params` names the implementations that must pass its suite."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from adapters.identity.hmac_tokens import HmacTokens
from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.system.clock import SystemClock
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from application.ports.access.execution_tokens import ExecutionTokens
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.system.clock import Clock
from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.parameter_schemas import ParameterSchemas
from tests.contracts.dispatch.orchestrators import EngineUnderTest, a_fake_engine
from tests.contracts.stores import StoreUnderTest, a_fake_store, a_real_store
from tests.fakes import FakeClock, FakeCronExpressions, FakeExecutionTokens, FakeParameterSchemas, FakeWorkerStreams
from tests.support.postgres import ReusedDatabase

STORES = ["fake", pytest.param("real", marks=pytest.mark.real)]


@pytest.fixture(scope="session")
def reused_database(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[ReusedDatabase]:
    database = ReusedDatabase(postgres, migrated_template)
    yield database
    database.drop()


@pytest.fixture
def database_url(reused_database: ReusedDatabase) -> Iterator[str]:
    """The address (`postgresql+psycopg://…`) of a migrated database without rows."""
    yield reused_database.url
    reused_database.empty()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[StoreUnderTest]:
    if request.param == "fake":
        async with a_fake_store() as fake:
            yield fake
        return
    async with a_real_store(request.getfixturevalue("database_url")) as real:
        yield real


@pytest.fixture(params=[FakeExecutionTokens, lambda secret="secret": HmacTokens(secret.encode() * 8)], ids=["fake", "real"])
def make_tokens(request: pytest.FixtureRequest) -> Callable[..., ExecutionTokens]:
    """Makes tokens of the given secret; without one, of the same secret each time."""
    return request.param


@pytest.fixture(params=[FakeParameterSchemas, JsonSchemaValidator], ids=["fake", "real"])
def schemas(request: pytest.FixtureRequest) -> ParameterSchemas:
    return request.param()


@pytest.fixture(params=[FakeCronExpressions, CronsimExpressions], ids=["fake", "real"])
def cron_expressions(request: pytest.FixtureRequest) -> CronExpressions:
    return request.param()


@pytest.fixture(params=[FakeWorkerStreams, InMemoryWorkerStreams], ids=["fake", "real"])
def worker_streams(request: pytest.FixtureRequest) -> WorkerStreams:
    return request.param()


@pytest.fixture(params=["fake", "system", pytest.param("database", marks=pytest.mark.real)])
async def clock(request: pytest.FixtureRequest) -> AsyncIterator[Clock]:
    if request.param != "database":
        yield FakeClock() if request.param == "fake" else SystemClock()
        return
    database = Database(request.getfixturevalue("database_url"))
    await database.start()
    try:
        yield database.clock
    finally:
        await database.stop()


@pytest.fixture(params=["fake"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[EngineUnderTest]:
    async with a_fake_engine() as engine:
        yield engine
