"""Read the result and the artifacts of a flow run from Prefect as JSON values. Nothing is unpickled, and no code of a flow runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.orchestration.prefect_api_client import PrefectApiClient
from adapters.orchestration.prefect_responses import is_id
from adapters.orchestration.result_files import ResultFiles, ResultNotReadable
from domain.reports.storable_values import make_storable

MAX_OUTPUT_BYTES: Final = 1024 * 1024
"""The size of result and artifacts together, as JSON. Stages that run on workers have the same limit."""
MAX_PAGE_BYTES: Final = 2 * 1024 * 1024
MAX_ARTIFACTS: Final = 1_000
_MAX_NAMED: Final = 20
_MAX_KEY: Final = 200
_ARTIFACTS: Final = "/artifacts/filter"
_RESULT_TYPES: Final = (None, "result")
"""The types of the artifacts without a key that Prefect itself creates for results."""
_LOCAL_FILES: Final = "local-file-system"


class FlowOutputReader:
    """Reads a result only if it is stored as JSON in a file that `files` may read."""

    def __init__(self, client: PrefectApiClient, files: ResultFiles) -> None:
        self._client = client
        self._files = files

    async def read(self, flow_run_id: str) -> Any:
        """Return `{"result", "artifacts"}`, with `left_out` if something was; None if there is nothing."""
        left_out: list[str] = []
        result = await self._read_result(flow_run_id, left_out)
        artifacts = await self._read_artifacts(flow_run_id, MAX_OUTPUT_BYTES - _measure(result), left_out)
        if result is None and not artifacts and not left_out:
            return None
        return {"result": result, "artifacts": artifacts} | ({"left_out": _shorten(left_out)} if left_out else {})

    async def _read_result(self, flow_run_id: str, left_out: list[str]) -> Any:
        run = await self._client.get(f"/flow_runs/{flow_run_id}")
        data = self._client.parse("/flow_runs", _get_result_data, run or {})
        if not isinstance(data, dict) or not isinstance(data.get("storage_key"), str):
            return None
        try:
            path = await self._get_path(data)
            result = _parse_result(await asyncio.to_thread(self._files.read, path), data["storage_key"])
        except ResultNotReadable as reason:
            left_out.append(str(reason))
            return None
        storable = _to_storable(result, "result", left_out)
        if _measure(storable) > MAX_OUTPUT_BYTES:  # longer than its file, for example because Python escapes its letters
            left_out.append(f"The result has more than {MAX_OUTPUT_BYTES:,} bytes.")
            return None
        return storable

    async def _get_path(self, data: Mapping[str, Any]) -> Path:
        """Return the file of a result. Raises ResultNotReadable if it is not JSON or not in a file."""
        _require_json(data)
        block_id, key = data.get("storage_block_id"), Path(data["storage_key"])
        if block_id is None:
            return key
        block = await self._client.get(f"/block_documents/{block_id}") if is_id(str(block_id)) else None
        kind, folder = self._client.parse(
            "/block_documents", lambda found: (found["block_type"]["slug"], found["data"].get("basepath")), block or _NO_BLOCK
        )
        if kind != _LOCAL_FILES or not isinstance(folder, str):
            raise ResultNotReadable(f"The result is in Prefect's storage {kind}, which Headgate does not read.")
        return Path(folder) / key

    async def _read_artifacts(self, flow_run_id: str, room: int, left_out: list[str]) -> list[dict[str, Any]]:
        """Return the latest artifact of each key, in the order of their creation. If they have more bytes than `room`, keep the last."""
        body = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}, "sort": "CREATED_DESC"}
        kept: list[dict[str, Any]] = []
        keys: set[str] = set()
        offset, has_more = 0, True
        while has_more and offset < MAX_ARTIFACTS:
            page = await self._client.read_page(_ARTIFACTS, body, offset, MAX_PAGE_BYTES)
            for record in page.records:
                key = self._client.parse(_ARTIFACTS, lambda each: str(each.get("key") or each["id"]), record)
                if key in keys or (record.get("type") in _RESULT_TYPES and record.get("key") is None):
                    continue
                keys.add(key)
                artifact = _to_artifact(record, left_out)
                size = _measure(artifact)
                if size > room:
                    left_out.append(f"The artifact {key[:_MAX_KEY]} does not fit into {MAX_OUTPUT_BYTES:,} bytes.")
                    continue
                room -= size
                kept.append(artifact)
            if page.has_skipped:
                left_out.append(f"An artifact has more than {MAX_PAGE_BYTES:,} bytes.")
            offset, has_more = page.next_offset, page.has_more
        if has_more:
            left_out.append(f"The artifacts before the last {MAX_ARTIFACTS:,} were not read.")
        return kept[::-1]


_NO_BLOCK: Final = {"block_type": {"slug": "that is gone"}, "data": {}}


def _get_result_data(run: dict[str, Any]) -> Any:
    """Return where the result is. A flow run that failed has an exception there."""
    return (run.get("state") or {}).get("data") if run.get("state_type") == "COMPLETED" else None


def _require_json(metadata: Mapping[str, Any]) -> None:
    serializer = metadata.get("serializer")
    kind = serializer.get("type") if isinstance(serializer, dict) else None
    if kind != "json":
        raise ResultNotReadable(f"The result is stored as {str(kind)[:60]}; Headgate reads json only.")


def _parse_result(content: bytes, storage_key: str) -> Any:
    """Return the result in a file. Prefect writes a flow's result as JSON, and a task's result as JSON text in a record with metadata."""
    try:
        value = json.loads(content)
        if _is_record(value, storage_key):
            _require_json(value["metadata"])
            return json.loads(value["result"])
    except (ValueError, RecursionError):
        raise ResultNotReadable("The file of the result is not JSON.") from None
    return value


def _is_record(value: Any, storage_key: str) -> bool:
    if not isinstance(value, dict) or value.keys() != {"metadata", "result"} or not isinstance(value["result"], str):
        return False
    return isinstance(value["metadata"], dict) and value["metadata"].get("storage_key") == storage_key


def _to_artifact(record: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    key, kind = record.get("key"), record.get("type")
    data = _parse_table(record.get("data")) if kind == "table" else record.get("data")
    artifact = {"key": key, "type": kind, "description": record.get("description"), "data": data}
    storable: dict[str, Any] = _to_storable(artifact, f"artifact {key}", left_out)
    return storable


def _parse_table(data: object) -> object:
    """Return the rows of a table, which Prefect keeps as JSON text."""
    try:
        return json.loads(data) if isinstance(data, str) else data
    except (ValueError, RecursionError):
        return data


def _to_storable(value: Any, path: str, left_out: list[str]) -> Any:
    storable, changes = make_storable(value, path)
    left_out += changes
    return storable


def _measure(value: Any) -> int:
    return len(json.dumps(value))


def _shorten(left_out: list[str]) -> list[str]:
    more = len(left_out) - _MAX_NAMED
    return [*left_out[:_MAX_NAMED], f"And {more} more."] if more > 0 else left_out
