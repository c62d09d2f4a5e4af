"""Errors become problems by one table, or pages for browsers."""

from fastapi import Request
from starlette.responses import HTMLResponse, Response

import domain.errors
from domain.errors import Conflict, FieldProblem, HeadgateError, InvalidInput, Unavailable
from domain.reports.report import ReportOutcome
from entrypoints.http.error_problems import PROBLEM_FACTORIES, REPORT_OUTCOME_STATUSES, to_problem
from entrypoints.http.problems import Problem
from tests.support.in_process import InProcessHeadgate


def _subclasses(kind: type[HeadgateError]) -> set[type[HeadgateError]]:
    return {kind for sub in kind.__subclasses__() for kind in (sub, *_subclasses(sub))}


def test_the_table_names_every_error_of_the_domain() -> None:
    named = {kind for kind in _subclasses(HeadgateError) if kind.__module__ == domain.errors.__name__}

    assert len(named) >= 6
    assert named == set(PROBLEM_FACTORIES)


def test_an_errors_facts_are_members_of_its_problem() -> None:
    conflict = to_problem(Conflict("run_over", "It is over.", {"status": "failed", "title": "x", "runs": [1]})).as_json("r1")
    unavailable = to_problem(Unavailable("Down.", 2.4))
    invalid = to_problem(InvalidInput([FieldProblem(f"f{n}", "is wrong") for n in range(5)])).as_json("r2")

    assert conflict == {
        "type": "urn:headgate:problem:run_over",
        "title": "Run over",
        "status": 409,
        "detail": "It is over.",
        "problem": "run_over",
        "request_id": "r1",
        "state": "failed",
        "title_": "x",
        "runs": [1],
    }
    assert (unavailable.status, unavailable.headers) == (503, {"Retry-After": "2"})
    assert len(invalid["errors"]) == 5
    assert invalid["detail"] == "f0: is wrong; f1: is wrong; f2: is wrong (and 2 more)"


def test_every_outcome_of_a_report_has_an_http_status() -> None:
    assert set(REPORT_OUTCOME_STATUSES) == set(ReportOutcome)


async def test_a_browser_gets_an_error_page() -> None:
    def page(request: Request, problem: Problem) -> Response | None:
        return HTMLResponse(f"<h1>{problem.title}</h1>", problem.status) if request.url.path.startswith("/ui/") else None

    headgate = InProcessHeadgate(error_page=page)
    async with headgate.client as client:
        browser = await client.get("/ui/nope", headers={"Accept": "text/html"})
        api = await client.get("/nope", headers={"Accept": "text/html"})
        program = await client.get("/ui/nope")

    assert (browser.status_code, browser.text) == (404, "<h1>Not found</h1>")
    assert api.headers["content-type"] == program.headers["content-type"] == "application/problem+json"
