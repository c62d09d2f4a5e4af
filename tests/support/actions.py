"""What tests do to an in-process Headgate again and again: by HTTP, and by its use cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from application.commands.access.create_token import NewToken
from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceResult, WorkerReport
from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.run_opener import TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerResult
from application.ports.dispatch.worker_messages import Claim
from application.queries.views.runs import RunView
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import Role, Scope
from domain.reports.report import Report
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from entrypoints.container import Application
from entrypoints.worker_protocol.messages import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.fakes import FakeAdapters
from tests.support.builders import some_stages

if TYPE_CHECKING:
    import httpx

WORKER: Final = "worker-1"
PASSWORD: Final = "four words of mine"


class ApiActions:
    """Requests to the API. Each asserts that it succeeds, except `report`."""

    def __init__(self, client: httpx.AsyncClient, application: Application, fakes: FakeAdapters) -> None:
        self._client, self._application, self._fakes = client, application, fakes

    async def create_pipeline(self, name: str = "flights", *stages: dict[str, Any], **keys: Any) -> dict[str, Any]:
        """Create a pipeline, by default with one external stage, and return it as the API does."""
        listed = list(stages) or [{"name": "certify", "kind": "external"}]
        answer = await self._client.post("/pipelines/", json={"name": name, "stages": listed, **keys})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def trigger(self, name: str = "flights", **parameters: Any) -> int:
        """Trigger a pipeline and return the run's id."""
        answer = await self._client.post(f"/trigger/{name}", json={"parameters": parameters})
        assert answer.status_code == 202, answer.text
        return int(answer.json()["run_id"])

    async def report(self, *, headers: dict[str, str] | None = None, **item: Any) -> httpx.Response:
        """Send one status report and return the answer, whatever it is."""
        return await self._client.post("/status-update/", json=item, headers=headers)

    async def get_run_status(self, run_id: int) -> str:
        return str((await self._client.get(f"/runs/{run_id}")).json()["status"])

    @property
    def worker_headers(self) -> dict[str, str]:
        """The headers of a worker process."""
        return {"Authorization": f"Bearer {self._fakes.tokens.issue_worker_token()}", PROTOCOL_HEADER: str(PROTOCOL_VERSION)}

    async def create_token(self, *scopes: Scope, pipeline: str | None = None, kind: TokenKind = TokenKind.API) -> dict[str, str]:
        """Create a token and return the header that carries it."""
        made = await self._application.create_token()(NewToken("ci", kind, scopes, pipeline), Actor("ada"))
        return {"Authorization": f"Bearer {made.text}", PROTOCOL_HEADER: str(PROTOCOL_VERSION)}

    async def sign_in(self, role: Role, name: str = "") -> dict[str, str]:
        """Create an account with that role, sign in, and return the session's headers, its CSRF key included."""
        from entrypoints.http.auth.cookies import get_cookie_name
        from entrypoints.http.auth.permissions import SESSION_COOKIE

        name = name or f"{role}-{len(self._fakes.store.committed.accounts)}"
        await self._application.create_account()(name, role, PASSWORD, Actor())
        session = await self._application.sign_in()(name, PASSWORD)
        return {
            "Cookie": f"{get_cookie_name(SESSION_COOKIE)}={session.key}",
            "X-Headgate-Key": self._fakes.credentials.form_key(session.key),
        }


class UseCaseActions:
    """Calls of use cases with the arguments that most tests use."""

    def __init__(self, application: Application, fakes: FakeAdapters) -> None:
        self._application, self._fakes = application, fakes

    async def create_pipeline(self, stages: Any = 3, name: str = "nightly", **keys: Any) -> int:
        """Create a pipeline and return its id. `stages` are what `some_stages` takes."""
        pipeline = await self._application.create_pipeline()({"name": name, "stages": some_stages(stages), **keys})
        return int(pipeline.id)

    async def trigger(self, pipeline: int | str = "nightly", parameters: Mapping[str, Any] | None = None) -> TriggerResult:
        result: TriggerResult = await self._application.trigger_pipeline()(
            TriggerCommand(pipeline, parameters or {}, Trigger("api", "mara"))
        )
        return result

    async def claim(self, run_id: int, epoch: int = 1, worker: str = WORKER, capacity: int = 4) -> Claim:
        claim: Claim = await self._application.claim_dispatch()(run_id, epoch, worker, capacity)
        return claim

    async def advance(
        self, run_id: int, *ends: tuple[str, str] | WorkerReport, epoch: int = 1, worker: str = WORKER, capacity: int = 4, **keys: Any
    ) -> AdvanceResult:
        """Advance a dispatch. `ends` are (stage, status) of first attempts, or whole reports."""
        reports = [end if isinstance(end, WorkerReport) else worker_report(run_id, end[0], end[1], epoch=epoch) for end in ends]
        command = AdvanceCommand(worker, run_id, epoch, capacity, reports, **keys)
        result: AdvanceResult = await self._application.advance_dispatch()(command)
        return result

    async def report(self, *updates: StatusUpdate) -> list[ReportResult]:
        results: list[ReportResult] = await self._application.report_status()(list(updates))
        return results

    async def get_run(self, run_id: int) -> RunView:
        run = await self._fakes.reader.run(run_id)
        assert run is not None
        return run

    async def get_stage_statuses(self, run_id: int) -> dict[str, Status]:
        return {stage.name: stage.status for stage in (await self.get_run(run_id)).stages}


def worker_report(
    run_id: int, stage: str, status: str, *, attempt: int = 1, epoch: int = 1, reason: Reason | None = None, **details: Any
) -> WorkerReport:
    report = Report(Status(status), stage, attempt, reason=reason, **details)
    return WorkerReport(f"{run_id}:{stage}:{attempt}:{epoch}:{status}", report)


def status_update(
    status: str,
    stage: str | None = None,
    *,
    pipeline: int | str | None = "remote",
    run_id: int | None = None,
    event_id: str | None = None,
    reporter: str | None = None,
    **details: Any,
) -> StatusUpdate:
    digest = repr((status, stage, pipeline, run_id, event_id, reporter, details)).encode()
    return StatusUpdate(Report(Status(status), stage, **details), pipeline, run_id, event_id, reporter, digest)
