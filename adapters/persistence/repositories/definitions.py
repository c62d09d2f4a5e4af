"""Loads parsed definitions. A revision never changes, so each is read from the database once per process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Text, cast, select, tuple_

from adapters.persistence.connection.json_codec import load_json
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.lru_cache import LruCache
from adapters.persistence.tables.pipelines import revision
from domain.alerts.parsing import restore_rule
from domain.concurrency.parsing import restore_limit
from domain.pipelines import http_request
from domain.pipelines.definition import (
    DEFAULT_POOL,
    DEFAULT_TIMEOUT,
    OnCancel,
    PipelineDefinition,
    StageCondition,
    StageDefinition,
    StageKind,
)
from domain.schedules.parsing import restore_expectation, restore_schedule

RevisionKey = tuple[int, int]
"""A pipeline's id and a revision's number."""
DefinitionCache = LruCache[RevisionKey, PipelineDefinition]
UNBROKEN_CHARACTERS = 100_000
"""Characters of definitions that are parsed before other tasks run."""


class DefinitionLoader:
    """The definitions that one transaction sees. Those that it wrote stay private to it until it commits."""

    def __init__(self, transaction: SqlTransaction, cache: DefinitionCache) -> None:
        self._transaction = transaction
        self._cache = cache
        self._written: dict[RevisionKey, PipelineDefinition] = {}

    def remember(self, key: RevisionKey, definition: PipelineDefinition) -> None:
        self._written[key] = definition

    async def load(self, keys: Iterable[RevisionKey]) -> Mapping[RevisionKey, PipelineDefinition]:
        """Return the definitions of revisions, which exist. Query the database only for those not in the cache."""
        requested = set(keys)
        found = {key: cached for key in requested if (cached := self._written.get(key) or self._cache.get(key)) is not None}
        missing = requested - found.keys()
        if missing:
            query = select(revision.c.pipeline_id, revision.c.revision, cast(revision.c.definition, Text).label("text"))
            query = query.where(tuple_(revision.c.pipeline_id, revision.c.revision).in_(sorted(missing)))
            unbroken = 0
            for row in await self._transaction.execute(query):
                key = (row.pipeline_id, row.revision)
                found[key] = definition = parse_stored_definition(load_json(row.text))
                self._cache.put(key, definition)
                unbroken += len(row.text)
                if unbroken > UNBROKEN_CHARACTERS:
                    unbroken = 0
                    await asyncio.sleep(0)
        return found


def parse_stored_definition(stored: Mapping[str, Any]) -> PipelineDefinition:
    """Return the stored definition without validating it again. Keys that older versions did not store get their defaults."""
    return PipelineDefinition(
        name=stored["name"],
        stages=tuple(_parse_stage(stage) for stage in stored["stages"]),
        description=stored.get("description") or "",
        parallelism=stored.get("parallelism", 16),
        pool=stored.get("pool") or DEFAULT_POOL,
        parameters=stored.get("parameters"),
        tags=tuple(stored.get("tags") or ()),
        env=stored.get("env") or {},
        schedules=tuple(restore_schedule(schedule) for schedule in stored.get("schedules") or ()),
        expect=tuple(restore_expectation(expectation) for expectation in stored.get("expect") or ()),
        concurrency=tuple(restore_limit(limit) for limit in stored.get("concurrency") or ()),
        priority=stored.get("priority", 0),
        alerts=tuple(restore_rule(rule) for rule in stored.get("alerts") or ()),
        python=stored.get("python"),
    )


def _parse_stage(stored: Mapping[str, Any]) -> StageDefinition:
    command = stored.get("command")
    return StageDefinition(
        name=stored["name"],
        kind=StageKind(stored["kind"]),
        needs=tuple(stored.get("needs") or ()),
        command=tuple(command) if isinstance(command, list) else command,
        shell=stored.get("shell", False),
        callable=stored.get("callable"),
        python=stored.get("python"),
        env=stored.get("env") or {},
        secrets=stored.get("secrets") or {},
        request={key: stored[key] for key in http_request.HTTP_STAGE_KEYS} if stored["kind"] == StageKind.HTTP else None,
        workdir=stored.get("workdir"),
        timeout=float(stored.get("timeout", DEFAULT_TIMEOUT)),
        retries=stored.get("retries", 0),
        retry_delay=float(stored.get("retry_delay", 0.0)),
        retry_on_loss=stored.get("retry_on_loss", False),
        allow_failure=stored.get("allow_failure", False),
        when=StageCondition(stored.get("when", StageCondition.COMPLETED)),
        approvers=tuple(stored.get("approvers") or ()),
        message=stored.get("message"),
        fields=stored.get("fields"),
        uses=tuple(stored.get("uses") or ()),
        hold=stored.get("hold", False),
        deployment=stored.get("deployment"),
        parameters=stored.get("parameters"),
        on_cancel=OnCancel(stored.get("on_cancel", OnCancel.CANCEL)),
    )
