"""A value that cannot be stored does not cost the report, nor its neighbours: the run says what was changed."""

import json
from typing import Any

import pytest

from tests.support.in_process import InProcessHeadgate
from tests.support.worker_requests import claim_dispatch

DEEP = '{"a":' * 70 + "1" + "}" * 70
OUTPUTS = [
    ('{"mean": NaN}', {"mean": None}, "output.mean is NaN"),
    ('{"max": Infinity}', {"max": None}, "output.max is Infinity"),
    ('{"max": 1e999}', {"max": None}, "output.max is Infinity"),
    ('{"ids": [1, 9223372036854775808]}', {"ids": [1, "9223372036854775808"]}, "output.ids[1] has more than 64 bits"),
    ('{"text": "a\\u0000b"}', {"text": "a\ufffdb"}, "output.text has characters that cannot be stored"),
    ('{"text": "\\ud800"}', {"text": "\ufffd"}, "output.text has characters that cannot be stored"),
    ('{"k\\u0000": 1}', {"k\ufffd": 1}, "a key of output cannot be stored"),
    ('{"k\\u0000": 1, "k\\ud800": 2}', {"k\ufffd": 2}, "output has two keys k\ufffd"),
    ('{"n": ' + "7" * 5_000 + ', "rows": 1}', {"n": None, "rows": 1}, "output.n has too many digits"),
    ("[" * 300 + "]" * 300, None, "is nested deeper than 50 levels"),
    ("[" * 100_000 + "]" * 100_000, None, "is nested deeper than 50 levels"),
    ('{"text": "]]\\"[[", "deep": ' + "[" * 5_000 + '"}"' + "]" * 5_000 + "}", None, "is nested deeper than 50 levels"),
    (f'{{"deep": {DEEP}, "n": 1}}', None, "is nested deeper than 50 levels"),
    ("NaN", None, "output is NaN"),
]


@pytest.fixture
async def run_id(headgate: InProcessHeadgate) -> int:
    stages = [{"name": name, "kind": "external", "needs": []} for name in ("a", "b", "c")]
    await headgate.api.create_pipeline("ext", *stages)
    return await headgate.api.trigger("ext")


def a_report(stage: str, output: str, status: str = "completed") -> str:
    return f'{{"pipeline_id": "ext", "stage_name": "{stage}", "status": "{status}", "message": "done", "output": {output}}}'


async def get_stages(headgate: InProcessHeadgate, run_id: int) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in (await headgate.client.get(f"/runs/{run_id}/stages")).json()}


async def get_messages(headgate: InProcessHeadgate, run_id: int) -> list[str]:
    events = (await headgate.client.get(f"/runs/{run_id}/events")).json()
    return [event["data"]["message"] for event in events if "message" in event["data"]]


@pytest.mark.parametrize(("output", "stored", "note"), OUTPUTS)
async def test_a_report_is_stored_without_what_cannot_be(
    headgate: InProcessHeadgate, run_id: int, output: str, stored: Any, note: str | None
) -> None:
    answer = await headgate.client.post("/status-update/", content=a_report("a", output))

    assert (answer.status_code, answer.json()["applied"]) == (200, True)
    stage = (await get_stages(headgate, run_id))["a"]
    assert stage["status"] == "completed"
    if stored is not None:
        assert stage["output"] == stored
    (message,) = await get_messages(headgate, run_id)
    assert message.startswith("done")
    assert ("Not stored as reported: " in message and note in message) if note else message == "done"


@pytest.mark.parametrize(("output", "stored", "note"), OUTPUTS)
async def test_one_such_report_never_costs_its_neighbours(
    headgate: InProcessHeadgate, run_id: int, output: str, stored: Any, note: str | None
) -> None:
    items = ", ".join([a_report("a", '{"rows": 1}'), a_report("b", output), a_report("c", '{"rows": 3}'), '{"status": "x"}'])

    answer = await headgate.client.post("/status-update/batch", content=f'{{"updates": [{items}]}}')

    assert [item["http_status"] for item in answer.json()] == [200, 200, 200, 422]
    stages = await get_stages(headgate, run_id)
    assert [stages[name]["status"] for name in "abc"] == ["completed"] * 3
    assert (stages["a"]["output"], stages["c"]["output"]) == ({"rows": 1}, {"rows": 3})
    if stored is not None:
        assert stages["b"]["output"] == stored


@pytest.mark.parametrize(("output", "stored", "note"), OUTPUTS)
async def test_a_workers_step_is_taken_with_such_an_output(headgate: InProcessHeadgate, output: str, stored: Any, note: str | None) -> None:
    await headgate.api.create_pipeline("work", *({"name": name, "command": ["true"], "needs": []} for name in ("a", "b")))
    run = await headgate.api.trigger("work")
    claim = await claim_dispatch(headgate)
    reports = [
        f'{{"event_id": "{name}", "stage": "{name}", "attempt": 1, "status": "completed", "output": {text}}}'
        for name, text in (("a", output), ("b", '{"rows": 1}'))
    ]
    body = f'{{"worker_id": "w", "capacity": 2, "reports": [{", ".join(reports)}]}}'

    answer = await headgate.client.post(
        f"/worker/dispatches/{run}/{claim['epoch']}/advance", content=body, headers=headgate.api.worker_headers
    )

    assert answer.status_code == 200, answer.text
    stages = await get_stages(headgate, run)
    assert [stages[name]["status"] for name in "ab"] == ["completed", "completed"]
    assert stages["b"]["output"] == {"rows": 1}
    if note:
        assert note in (await get_messages(headgate, run))[0]


@pytest.mark.parametrize(
    ("field", "given", "stored"),
    [
        ("error_message", b"caf\xe9 failed", "caf\ufffd failed"),
        ("error_message", b"\\u0000 after", "\ufffd after"),
        ("message", b"half \\udc80", "half \ufffd"),
        ("message", b"\xff\xfe\xfd", "\ufffd\ufffd\ufffd"),
    ],
)
async def test_the_text_of_a_failure_may_have_any_bytes(
    headgate: InProcessHeadgate, run_id: int, field: str, given: bytes, stored: str
) -> None:
    body = b'{"pipeline_id": "ext", "stage_name": "a", "status": "failed", "' + field.encode() + b'": "' + given + b'"}'

    answer = await headgate.client.post("/status-update/", content=body)

    assert answer.json()["applied"] is True
    events = (await headgate.client.get(f"/runs/{run_id}/events")).json()
    assert stored in [event["data"].get(field) for event in events]


@pytest.mark.parametrize("name", ["pipeline_id", "stage_name", "event_id", "typo"])
@pytest.mark.parametrize("text", [b"a\\u0000b", b"caf\xe9", b"\\ud800", b"\xff\xfe"])
async def test_a_name_that_cannot_be_stored_is_still_refused(headgate: InProcessHeadgate, run_id: int, name: str, text: bytes) -> None:
    """Two such names would be the same after a replacement."""
    report = json.dumps({"pipeline_id": "ext", "stage_name": "a", "status": "completed", name: "NAME"}).encode().replace(b"NAME", text)

    answer = await headgate.client.post("/status-update/", content=report)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == (name if text.isascii() else "body")
    assert "NUL" in error["message"] or "surrogate" in error["message"] or "UTF-8" in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 1_000_000,
        b'{"a": "' + b'\\"' * 400_000,
        b"\xff\xfe{\x00}\x00",
        b'{"a": \xff}',
        b'{"n": 1' + b"1" * 9_000,
        b"[" + b"[]," * 250_000 + b"9" * 5_000 + b"]",
    ],
)
async def test_a_body_that_is_not_json_is_refused(headgate: InProcessHeadgate, run_id: int, body: bytes) -> None:
    answer = await headgate.client.post("/status-update/", content=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body"]


async def test_a_repeat_of_a_changed_report_is_the_same_report(headgate: InProcessHeadgate, run_id: int) -> None:
    body = a_report("a", '{"mean": NaN}').replace('"status"', '"event_id": "e1", "status"')

    first, second = [await headgate.client.post("/status-update/", content=body) for _ in range(2)]

    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


async def test_a_long_reporter_is_cut_and_its_order_is_kept(headgate: InProcessHeadgate, run_id: int) -> None:
    name = "cron " * 100

    newer, older = [
        await headgate.api.report(run_id=run_id, stage_name=stage, status="completed", reporter=name, seq=seq)
        for stage, seq in (("a", 2), ("b", 1))
    ]

    assert (newer.json()["applied"], older.json()["applied"]) == (True, False)
