"""The audit log: pages, filters, and an export without spreadsheet formulas."""

import csv
import io
import re

from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Role
from tests.support.builders import NOW
from tests.support.in_process import InProcessHeadgate


async def add_entries(headgate: InProcessHeadgate) -> list[str]:
    entries = [
        AuditEntry(NOW, AuditAction.TRIGGERED, who, "session", "10.0.0.1", f"run {n}", {"n": n}) for n, who in enumerate(["a&b", "eve"] * 3)
    ]
    async with headgate.fakes.open_unit_of_work() as work:
        await work.audit.add([*entries, AuditEntry(NOW, AuditAction.CANCELLED, "a&b", "session", None, "=HYPERLINK(1)")])
        await work.commit()
    return [entry.subject for entry in entries if entry.actor == "a&b"][::-1]


async def test_the_next_page_has_the_same_filters(headgate: InProcessHeadgate) -> None:
    expected, seen, path = await add_entries(headgate), [], "/audit/?who=a%26b&deed=triggered&limit=1"
    while True:
        answer = await headgate.client.get(path)
        seen += [entry["thing"] for entry in answer.json()]
        found = re.match(r"<(.+)>; rel=\"next\"", answer.headers.get("link", ""))
        if found is None:
            break
        path = found[1]

    assert seen == expected


async def test_an_export_contains_every_entry_and_no_formula(headgate: InProcessHeadgate) -> None:
    await add_entries(headgate)

    lines = (await headgate.client.get("/audit/export")).text.splitlines()
    rows = list(csv.DictReader(io.StringIO((await headgate.client.get("/audit/export?format=csv")).text)))

    assert len(lines) == len(rows) == 7
    assert rows[0]["thing"] == "'=HYPERLINK(1)"
    assert rows[1]["details"] == '{"n":5}'


async def test_an_invalid_change_of_an_account_changes_nothing(headgate: InProcessHeadgate) -> None:
    await headgate.api.sign_in(Role.ADMIN, "ada")
    before = dict(headgate.fakes.store.committed.accounts)

    refused = await headgate.client.patch("/accounts/ada", json={"role": "viewer", "password": "another four words"})
    short = await headgate.client.patch("/accounts/ada", json={"disabled": False, "password": "short"})

    assert (refused.status_code, refused.json()["problem"]) == (409, "last_admin")
    assert short.status_code == 422
    assert headgate.fakes.store.committed.accounts == before
