"""Definitions in YAML: the text is stored as it is written, and problems have the lines of their fields."""

from typing import Any

import httpx
import pytest

from tests.support.in_process import InProcessHeadgate

TEXT = """\
# Loads the flights of the day. ü 😀
name: flights   # ours

stages:
  - name: extract
    command: [python, extract.py]   # not the old one
  - {name: load, command: "a | b", shell: true}
"""
A = {"name": "a", "kind": "external"}


async def send(headgate: InProcessHeadgate, method: str, path: str, text: str | bytes, kind: str = "application/yaml") -> httpx.Response:
    content = text if isinstance(text, bytes) else text.encode()
    return await headgate.client.request(method, path, content=content, headers={"Content-Type": kind})


async def read_source(headgate: InProcessHeadgate, number: int, ref: str = "flights") -> tuple[str, str]:
    answer = await headgate.client.get(f"/pipelines/{ref}/revisions/{number}/source")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "application/yaml"), answer.text
    return answer.headers["headgate-source"], answer.text


@pytest.mark.parametrize("kind", ["application/yaml", "text/yaml", "application/x-yaml; charset=utf-8", "Application/YAML"])
async def test_a_text_is_stored_as_it_is_written(headgate: InProcessHeadgate, kind: str) -> None:
    created = await send(headgate, "POST", "/pipelines/", TEXT, kind)
    changed = await send(headgate, "PUT", "/pipelines/flights", TEXT.replace("# ours", "# theirs"), kind)
    again = await send(headgate, "PUT", "/pipelines/flights", TEXT.replace("# ours", "# theirs"), kind)

    assert (created.status_code, [stage["name"] for stage in created.json()["stages"]]) == (201, ["extract", "load"])
    assert (changed.status_code, changed.json()["revision"], again.json()["revision"]) == (200, 2, 2)
    assert await read_source(headgate, 1) == ("written", TEXT)
    assert await read_source(headgate, 2) == ("written", TEXT.replace("# ours", "# theirs"))
    listed = (await headgate.client.get("/pipelines/flights/revisions")).json()
    assert [(each["revision"], each["changes"]) for each in listed] == [(2, []), (1, [])]


async def test_json_in_a_yaml_body_is_kept_too(headgate: InProcessHeadgate) -> None:
    text = '{\n\t"name": "flights",\n\t"parallelism": 4, "stages": [{"name": "a", "kind": "external"}]\n}\n'

    created = await send(headgate, "POST", "/pipelines/", text)

    assert created.status_code == 201
    assert await read_source(headgate, 1) == ("written", text)


async def test_windows_line_ends_and_a_byte_order_mark_are_dropped(headgate: InProcessHeadgate) -> None:
    created = await send(headgate, "POST", "/pipelines/", "\ufeff" + TEXT.replace("\n", "\r\n"))

    assert created.status_code == 201
    assert await read_source(headgate, 1) == ("written", TEXT)


async def test_a_definition_in_json_has_a_text_without_defaults(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", A)

    assert await read_source(headgate, 1) == ("generated", "name: flights\nstages:\n- {name: a, kind: external}\n")


async def test_the_text_of_a_definition_in_json_is_added_without_a_revision(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", A)
    text = "# mine\nname: flights\nstages: [{name: a, kind: external}]\n"

    changed = await send(headgate, "PUT", "/pipelines/flights", text)

    assert changed.json()["revision"] == 1
    assert await read_source(headgate, 1) == ("written", text)


async def list_errors(headgate: InProcessHeadgate, text: str | bytes) -> list[tuple[str, str, int | None]]:
    """Return the errors of a new definition and of a change, which must be the same."""
    created = await send(headgate, "POST", "/pipelines/", text)
    changed = await send(headgate, "PUT", "/pipelines/stored", text)
    assert created.status_code == changed.status_code == 422, created.text
    assert created.json()["errors"] == changed.json()["errors"]
    return [(error["field"], error["message"], error.get("line")) for error in created.json()["errors"]]


FIELDS = "name: p\nparallelism: 0\nstages:\n- name: a\n  kind: external\n  timeout: -1\n- name: b\n  command: [x]\n  tiemout: 5\n"
TEXTS: list[tuple[str | bytes, list[tuple[str, int | None]]]] = [
    (FIELDS, [("parallelism", 2), ("stages[0].timeout", 6), ("stages[1].tiemout", 9)]),
    ("# only a name\nname: p\n", [("stages", None)]),
    ("name: p\nstages:\n- name: a\n  env: {A: 1}\n", [("body", 4)]),
    ("name: p\nname: q\nstages: []\n", [("body", 2)]),
    ("name: p\nstages: [\n", [("body", 3)]),
    ("name: p\n\tstages: []\n", [("body", 2)]),
    ("name: p\n---\nname: q\n", [("body", None)]),
    ("# nothing\n", [("body", None)]),
    ("- a\n- b\n", [("body", None)]),
    ('{"name": "p", "name": "q", "stages": []}', [("name", None)]),
    (b"name: \xff\n", [("body", None)]),
    ("name: p".encode("utf-16"), [("body", None)]),
    ("name: p\0\n", [("body", None)]),
    ("name: !!python/object:os.system {}\nstages: []\n", [("body", 1)]),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=range(len(TEXTS)))
async def test_an_invalid_text_names_each_field_and_its_line(
    headgate: InProcessHeadgate, text: str | bytes, expected: list[tuple[str, int | None]]
) -> None:
    await headgate.api.create_pipeline("stored", A)

    errors = await list_errors(headgate, text)

    assert [(field, line) for field, _, line in errors] == expected
    assert (await headgate.client.get("/pipelines/stored")).json()["revision"] == 1


async def test_an_empty_body_is_422(headgate: InProcessHeadgate) -> None:
    assert (await send(headgate, "POST", "/pipelines/", "")).status_code == 422
    assert (await send(headgate, "POST", "/pipelines/", "  \n")).status_code == 422


async def test_a_text_over_1_mib_is_413(headgate: InProcessHeadgate) -> None:
    assert (await send(headgate, "POST", "/pipelines/", TEXT + "#" * (1 << 20))).status_code == 413


@pytest.mark.parametrize("path", ["/trigger/flights", "/pipelines/flights/pause", "/pipelines/flights/clone", "/status-update/", "/ui/new"])
async def test_other_routes_take_no_yaml(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.api.create_pipeline("flights", A)

    answer = await send(headgate, "POST", path, "name: x\n")

    assert answer.status_code == 415


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/yamlx"])
async def test_a_type_that_a_foreign_page_can_send_is_no_definition(headgate: InProcessHeadgate, kind: str) -> None:
    assert (await send(headgate, "POST", "/pipelines/", TEXT, kind)).status_code == 415


async def test_a_key_replays_a_definition_in_yaml(headgate: InProcessHeadgate) -> None:
    headers = {"Content-Type": "application/yaml", "Idempotency-Key": "k1"}

    first, again, other = [
        await headgate.client.post("/pipelines/", content=text, headers=headers) for text in (TEXT, TEXT, TEXT + "# more\n")
    ]

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    assert other.json()["problem"] == "idempotency_key_reused"


async def test_a_change_of_a_stale_revision_is_412(headgate: InProcessHeadgate) -> None:
    created = await send(headgate, "POST", "/pipelines/", TEXT)
    await send(headgate, "PUT", "/pipelines/flights", TEXT + "# second\n")

    headers: dict[str, Any] = {"Content-Type": "application/yaml", "If-Match": created.headers["etag"]}
    refused = await headgate.client.put("/pipelines/flights", content=TEXT + "# third\n", headers=headers)

    assert refused.status_code == 412
