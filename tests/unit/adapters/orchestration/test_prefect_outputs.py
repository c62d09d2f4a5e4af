"""Outputs of flow runs, from a server in the place of Prefect."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from adapters.orchestration.prefect_deployments import PrefectDeployments
from tests.fakes import FakeClock
from tests.support.prefect_stub import a_prefect_stub, respond

ID = "00000000-0000-4000-8000-000000000001"
BLOCK_ID = "00000000-0000-4000-8000-000000000002"


def an_artifact(key: str | None, data: Any, kind: str | None = "markdown", number: int = 1) -> dict[str, Any]:
    return {"id": f"00000000-0000-4000-8000-{number:012d}", "key": key, "type": kind, "description": "About it.", "data": data}


def a_result(path: Path | str, kind: str = "json", block: str | None = None) -> dict[str, Any]:
    return {"storage_key": str(path), "serializer": {"type": kind}, "storage_block_id": block}


async def read_output(
    folder: Path, data: Any = None, artifacts: list[dict[str, Any]] | None = None, block: Any = None, state: str = "COMPLETED"
) -> Any:
    """Read an output of a flow run; the latest artifacts come first, as Prefect returns them."""

    def answer(path: str, body: Any) -> bytes:
        if path == "/artifacts/filter":
            return respond((artifacts or [])[body["offset"] : body["offset"] + body["limit"]])
        if path == f"/block_documents/{BLOCK_ID}":
            return respond(block) if block is not None else respond({}, 404)
        return respond({"id": ID, "state_type": state, "state": {"type": state, "data": data}})

    async with a_prefect_stub(answer) as url:
        port = PrefectDeployments(url, None, FakeClock(), [folder])
        try:
            return await port.read_output(ID)
        finally:
            await port.close()


async def test_a_flow_run_without_result_and_artifacts_has_no_output(tmp_path: Path) -> None:
    assert await read_output(tmp_path) is None


@pytest.mark.parametrize("result", [{"rows": 3}, [1, None, "ä"], 0, "text", False])
async def test_a_result_is_read_from_its_file(tmp_path: Path, result: Any) -> None:
    (tmp_path / "r").write_text(json.dumps(result))

    assert await read_output(tmp_path, a_result(tmp_path / "r")) == {"result": result, "artifacts": []}


async def test_the_result_of_a_task_is_read_from_its_record(tmp_path: Path) -> None:
    """A flow that returns the state of a task has the task's result."""
    (tmp_path / "r").write_text(json.dumps({"metadata": a_result(tmp_path / "r"), "result": '{"rows": 3}'}))

    assert (await read_output(tmp_path, a_result(tmp_path / "r")))["result"] == {"rows": 3}


async def test_a_result_in_a_block_of_local_files_is_read(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("[1]")
    block = {"block_type": {"slug": "local-file-system"}, "data": {"basepath": str(tmp_path)}}

    assert (await read_output(tmp_path, a_result("r", block=BLOCK_ID), block=block))["result"] == [1]


@pytest.mark.parametrize(
    ("content", "kind", "block", "note"),
    [
        (pickle.dumps({"rows": 3}), "pickle", None, "stored as pickle; Headgate reads json only"),
        (pickle.dumps({"rows": 3}), "json", None, "not JSON"),
        (b"[" * 100_000, "json", None, "not JSON"),
        (b"1" * 1_048_577, "json", None, "more than 1,048,576 bytes"),
        (b"1", "json", {"block_type": {"slug": "s3-bucket"}, "data": {"bucket": "b"}}, "in Prefect's storage s3-bucket"),
    ],
)
async def test_a_result_that_is_not_read_is_named(tmp_path: Path, content: bytes, kind: str, block: Any, note: str) -> None:
    (tmp_path / "r").write_bytes(content)

    output = await read_output(tmp_path, a_result(tmp_path / "r", kind, BLOCK_ID if block else None), block=block)

    assert (output["result"], output["artifacts"]) == (None, [])
    assert len(output["left_out"]) == 1
    assert note in output["left_out"][0]


async def test_no_file_outside_of_the_folders_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('"a secret"')
    (tmp_path / "storage").mkdir()
    block = {"block_type": {"slug": "local-file-system"}, "data": {"basepath": str(tmp_path / "storage")}}

    for data in (a_result(tmp_path / "secret"), a_result("../secret", block=BLOCK_ID), a_result(tmp_path / "secret", block=BLOCK_ID)):
        output = await read_output(tmp_path / "storage", data, block=block)

        assert "secret" not in json.dumps(output)
        assert output["result"] is None


async def test_the_exception_of_a_failed_flow_run_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "r").write_text('{"error": 1}')

    assert await read_output(tmp_path, a_result(tmp_path / "r"), state="FAILED") is None


async def test_the_latest_artifact_of_each_key_is_kept_in_the_order_of_creation(tmp_path: Path) -> None:
    artifacts = [
        an_artifact("rows", '[{"a": 1}]', "table", 4),
        an_artifact("notes", "second", number=3),
        an_artifact("notes", "first", number=2),
        an_artifact(None, {"storage_key": "x"}, None, 1),
    ]

    output = await read_output(tmp_path, artifacts=artifacts)

    assert output == {
        "result": None,
        "artifacts": [
            {"key": "notes", "type": "markdown", "description": "About it.", "data": "second"},
            {"key": "rows", "type": "table", "description": "About it.", "data": [{"a": 1}]},
        ],
    }


async def test_a_table_that_is_no_json_stays_text_and_markdown_is_not_parsed(tmp_path: Path) -> None:
    deep = "[" * 100_000
    artifacts = [an_artifact("table", "[", "table", 1), an_artifact("deep", deep, "table", 2), an_artifact("notes", "12", number=3)]

    output = await read_output(tmp_path, artifacts=artifacts)

    assert [each["data"] for each in output["artifacts"]] == ["12", deep, "["]


async def test_artifacts_that_do_not_fit_are_named(tmp_path: Path) -> None:
    (tmp_path / "r").write_text(json.dumps("r" * 600_000))
    artifacts = [
        an_artifact("small", "s", number=1),
        an_artifact("large", "l" * 600_000, number=2),
        an_artifact("huge", "h" * 9_000_000, number=3),
    ]

    output = await read_output(tmp_path, a_result(tmp_path / "r"), artifacts)

    assert [each["key"] for each in output["artifacts"]] == ["small"]
    assert output["left_out"] == [
        "The artifact large does not fit into 1,048,576 bytes.",
        "An artifact has more than 2,097,152 bytes.",
    ]
    assert len(json.dumps(output)) < 1_100_000


async def test_of_many_artifacts_the_last_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    artifacts = [an_artifact(f"a{number}", "x" * 30_000, number=number) for number in reversed(range(1_200))]

    output = await read_output(tmp_path, artifacts=artifacts)

    assert [each["key"] for each in output["artifacts"]] == [f"a{number}" for number in range(1_166, 1_200)]
    assert output["left_out"][0] == "The artifact a1165 does not fit into 1,048,576 bytes."
    assert (len(output["left_out"]), output["left_out"][-1]) == (21, "And 947 more.")


async def test_a_result_that_is_too_long_as_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "r").write_text(json.dumps("ä" * 300_000, ensure_ascii=False))

    assert await read_output(tmp_path, a_result(tmp_path / "r")) == {
        "result": None,
        "artifacts": [],
        "left_out": ["The result has more than 1,048,576 bytes."],
    }


async def test_values_that_cannot_be_stored_are_changed_and_named(tmp_path: Path) -> None:
    (tmp_path / "r").write_text('{"mean": NaN, "big": 99999999999999999999, "text": "a\\u0000b"}')

    output = await read_output(tmp_path, a_result(tmp_path / "r"))

    assert output["result"] == {"mean": None, "big": "99999999999999999999", "text": "a\ufffdb"}
    assert "result.mean is NaN and was stored as null" in output["left_out"]
