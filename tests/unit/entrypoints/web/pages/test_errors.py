"""Error pages: with navigation, request id and advice, and never a stack trace."""

import pytest
from starlette.requests import Request

from domain.errors import InsufficientDiskSpace
from entrypoints.web.pages.errors import DEFAULT_TITLE, render_error
from tests.support.in_process import InProcessHeadgate


def assert_error_page(answer: object, words: str) -> None:
    text = answer.text  # type: ignore[attr-defined]
    assert "<nav" in text and 'href="/ui/runs"' in text and words in text
    assert answer.headers["x-request-id"] in text  # type: ignore[attr-defined]
    assert "Traceback" not in text and "content-security-policy" in answer.headers  # type: ignore[attr-defined]


async def test_an_unsupported_method_is_a_405_page(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.delete("/ui/runs")

    assert answer.status_code == 405
    assert_error_page(answer, "This URL supports GET")


async def test_a_form_that_is_too_large_is_a_413_page(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.post("/ui/new", content=b"name=" + b"x" * (1 << 21))

    assert answer.status_code == 413
    assert_error_page(answer, "Send less data in one request.")


async def test_a_form_that_is_not_utf_8_is_a_422_page(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline()

    answer = await headgate.page_client.post("/ui/pipelines/nightly/trigger", content=b"\xff\xfe=1")

    assert answer.status_code == 422
    assert_error_page(answer, "correct the fields named above")


async def test_a_form_of_another_site_is_a_403_page(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.post("/ui/new", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert_error_page(answer, "use the form on the page")


async def test_a_full_disk_is_a_507_page(headgate: InProcessHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full() -> None:
        raise InsufficientDiskSpace("The disk has 3 MiB left.")

    monkeypatch.setattr(headgate.fakes.reader, "board", full)

    answer = await headgate.page_client.get("/")

    assert answer.status_code == 507
    assert_error_page(answer, "Free disk space")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 412, 413, 421, 422, 429, 500, 503, 507])
async def test_every_error_status_has_its_own_title(headgate: InProcessHeadgate, status: int) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "query_string": b"",
        "app": headgate.app,
    }

    text = bytes(render_error(Request(scope), status, "What happened.", "r-1").body).decode()

    assert DEFAULT_TITLE not in text
    assert "What happened." in text and "r-1" in text and f">{status}<" in text


@pytest.mark.parametrize("path", ["/ui/runs/", "/ui/waiting/", "/ui/new/", "/static/none/"])
async def test_a_trailing_slash_makes_no_difference_on_pages(headgate: InProcessHeadgate, path: str) -> None:
    answer, bare = await headgate.page_client.get(path), await headgate.page_client.get(path.rstrip("/"))

    assert answer.status_code == bare.status_code
    assert "location" not in answer.headers
