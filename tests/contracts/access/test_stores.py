import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports.access.accounts import Accounts
from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Role, Scope
from domain.access.sessions import Session
from domain.errors import NameTaken
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_definition

A_TOKEN = ApiToken(0, "ci", TokenKind.API, (Scope.READ, Scope.TRIGGER), None, "x9Zq", "ada", NOW, NOW + timedelta(days=90))


async def an_account(accounts: Accounts, name: str = "ada", subject: str | None = None) -> Account:
    return await accounts.add(name, Role.OPERATOR, "a hash", subject, NOW)


async def test_an_account_is_found_by_name_subject_and_id(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        made = await an_account(work.accounts, subject="issuer|1")
        other = await an_account(work.accounts, "aaron")
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.accounts.find("ada", lock=True) == made
        assert await work.accounts.find_by_subject("issuer|1") == made
        assert await work.accounts.find_by_id(made.id) == made
        assert await work.accounts.find("Ada") is None
        assert await work.accounts.list_all() == [other, made]


async def test_account_names_and_subjects_are_unique(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await an_account(work.accounts, subject="issuer|1")
        await work.commit()

    async with store.open_unit_of_work() as work:
        with pytest.raises(NameTaken):
            await an_account(work.accounts)
        with pytest.raises(NameTaken):
            await an_account(work.accounts, "eve", subject="issuer|1")


async def test_changes_of_an_account_are_stored(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        made = await an_account(work.accounts)
        changed = replace(made, role=Role.ADMIN, password=None, subject="issuer|2", disabled_at=NOW, seen_at=NOW)
        await work.accounts.save(changed)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.accounts.find_by_id(made.id) == changed


async def test_sessions_are_removed_one_by_one_by_account_or_by_age(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        ada, eve = await an_account(work.accounts), await an_account(work.accounts, "eve")
        for digest, owner, begun in ((b"1", ada, NOW), (b"2", ada, NOW), (b"3", eve, NOW - timedelta(days=9)), (b"4", eve, NOW)):
            await work.sessions.add(digest, Session(owner.id, begun, begun))
        await work.sessions.touch(b"1", NOW + timedelta(minutes=5))
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.sessions.find(b"1") == (Session(ada.id, NOW, NOW + timedelta(minutes=5)), ada)
        assert await work.sessions.remove_for_account(ada.id, but=b"1") == 1
        assert await work.sessions.remove_created_before(NOW - timedelta(days=1)) == 1
        await work.sessions.remove(b"4")
        assert [await work.sessions.find(digest) is not None for digest in (b"1", b"2", b"3", b"4")] == [True, False, False, False]
        assert await work.sessions.remove_for_account(ada.id) == 1


async def test_a_session_without_an_account_is_refused(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        with pytest.raises(store.refusals):
            await work.sessions.add(b"1", Session(99, NOW, NOW))


async def test_a_token_is_found_by_its_digest_and_revoked_once(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        pipeline = await work.pipelines.add(a_definition(), NOW)
        first = await work.api_tokens.add(A_TOKEN, b"one")
        second = await work.api_tokens.add(
            replace(A_TOKEN, pipeline_id=pipeline.id, kind=TokenKind.REPORTER, scopes=(Scope.REPORT,)), b"two"
        )
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.api_tokens.find(b"one") == first
        assert await work.api_tokens.find(b"three") is None
        assert await work.api_tokens.list_all() == [second, first]
        await work.api_tokens.touch(first.id, NOW)
        assert await work.api_tokens.revoke(first.id, NOW)
        assert not await work.api_tokens.revoke(first.id, NOW)
        assert not await work.api_tokens.revoke(99, NOW)
        assert await work.api_tokens.find_by_id(first.id) == replace(first, used_on=NOW, revoked_at=NOW)


@pytest.mark.parametrize("broken", ["digest", "pipeline"])
async def test_an_invalid_token_is_refused(store: StoreUnderTest, broken: str) -> None:
    async with store.open_unit_of_work() as work:
        await work.api_tokens.add(A_TOKEN, b"one")
        with pytest.raises(store.refusals):
            await work.api_tokens.add(
                replace(A_TOKEN, pipeline_id=99 if broken == "pipeline" else None), b"one" if broken == "digest" else b"two"
            )


async def test_the_audit_log_is_read_newest_first(store: StoreUnderTest) -> None:
    entries = [
        AuditEntry(NOW, AuditAction.TRIGGERED, "ada", "session", "10.0.0.1", "run 1", {"pipeline": "flights"}),
        AuditEntry(NOW, AuditAction.CANCELLED, None, "nobody", None, "run 1"),
        AuditEntry(NOW, AuditAction.TRIGGERED, "eve", "token", "10.0.0.2", "run 2"),
    ]
    async with store.open_unit_of_work() as work:
        await work.audit.add(entries)
        await work.audit.add([])
        await work.commit()

    async with store.open_unit_of_work() as work:
        page = await work.audit.page(2)
        assert [replace(entry, id=0) for entry in page] == entries[:0:-1]
        assert [entry.subject for entry in await work.audit.page(9, below=page[-1].id)] == ["run 1"]
        assert [entry.actor for entry in await work.audit.page(9, deed=AuditAction.TRIGGERED)] == ["eve", "ada"]
        assert [entry.action for entry in await work.audit.page(9, who="ada")] == [AuditAction.TRIGGERED]


async def test_tokens_are_found_by_ids_and_their_names_are_locked(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.api_tokens.lock_names()
        one = await work.api_tokens.add(A_TOKEN, b"1")
        two = await work.api_tokens.add(A_TOKEN, b"2")
        async with store.open_unit_of_work() as other:
            waiting = asyncio.ensure_future(other.api_tokens.lock_names())
            await asyncio.wait({waiting}, timeout=0.05)
            assert not waiting.done()
            await work.commit()
            await asyncio.wait_for(waiting, 20)
            assert {token.name for token in await other.api_tokens.list_all()} == {A_TOKEN.name}

    async with store.open_unit_of_work() as work:
        assert await work.api_tokens.list_by_ids([two.id, one.id + two.id]) == [two]
        assert await work.api_tokens.list_by_ids([]) == []
