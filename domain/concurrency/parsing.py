"""Parse the keys `concurrency` of a pipeline and `uses` of a stage."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.concurrency.definition import ConcurrencyLimit, WhenFull
from domain.pipelines.definition import StageDefinition
from domain.pipelines.field_parser import NAME, FieldParser
from domain.text_validation import find_text_problem

MAX_LIMITS: Final = 20
MAX_USES: Final = 20
MAX_LIMIT: Final = 10_000
MAX_KEY_LENGTH: Final = 200
LIMIT_KEYS: Final = frozenset({"limit", "group", "key", "when_full"})


def parse_concurrency(pipeline: FieldParser) -> tuple[ConcurrencyLimit, ...]:
    """Return the limits of a definition, and add its problems to those of the pipeline."""
    raw = pipeline.raw.get("concurrency")
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > MAX_LIMITS:
        pipeline.add_problem("concurrency", f"must be a list of at most {MAX_LIMITS} limits")
        return ()
    limits, before = [], set[tuple[str | None, str | None]]()
    for index, item in enumerate(raw):
        if not isinstance(item, Mapping):
            pipeline.add_problem(f"concurrency[{index}]", "must be an object with the key limit")
            continue
        fields = FieldParser(item, f"concurrency[{index}].", pipeline.problems)
        limit = _parse_limit(fields)
        if not fields.has_problem_in("") and (limit.group, limit.key) in before:
            pipeline.add_problem(f"concurrency[{index}]", _describe_duplicate(limit))
        before.add((limit.group, limit.key))
        limits.append(limit)
    return tuple(limits)


def restore_limit(raw: Mapping[str, Any]) -> ConcurrencyLimit:
    """Return a stored limit without validating it again. Values that would be refused today are replaced by their defaults."""
    return _parse_limit(FieldParser(raw, ""))


def parse_uses(stage: FieldParser) -> tuple[str, ...]:
    """Return the groups of which a stage holds a slot each while it runs."""
    raw = stage.raw.get("uses")
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > MAX_USES:
        stage.add_problem("uses", f"must be a list of at most {MAX_USES} groups")
        return ()
    names: list[str] = []
    for index, item in enumerate(raw):
        name = FieldParser({f"uses[{index}]": item}, stage.path, stage.problems).parse_name(f"uses[{index}]")
        if name in names:
            stage.add_problem(f"uses[{index}]", f"repeats the group {name}")
        elif name:
            names.append(name)
    return tuple(names)


def check_uses(pipeline: FieldParser, limits: Sequence[ConcurrencyLimit], stages: Sequence[StageDefinition]) -> None:
    """Add a problem for each stage that uses a group of which its run holds a slot already: with a limit of 1 it would wait for ever."""
    held = {limit.group for limit in limits if limit.group}
    for index, stage in enumerate(stages):
        for name in stage.uses:
            if name in held:
                pipeline.add_problem(
                    f"stages[{index}].uses", f"names the group {name}, of which the run already holds a slot by concurrency"
                )


def _parse_limit(fields: FieldParser) -> ConcurrencyLimit:
    fields.reject_unknown_keys(LIMIT_KEYS)
    group = _parse_group(fields)
    key = _parse_key(fields)
    if fields.raw.get("group") is not None and fields.raw.get("key") is not None:
        fields.add_problem("key", "cannot be combined with group: all holders of a group share one limit")
    limit = None
    if fields.raw.get("limit") is not None:
        limit = fields.parse_integer("limit", 1, 1, MAX_LIMIT)
    elif fields.raw.get("group") is None:
        fields.add_problem("limit", "is required unless group is set")
        limit = 1
    return ConcurrencyLimit(limit, group, key, fields.parse_choice("when_full", WhenFull, WhenFull.QUEUE) or WhenFull.QUEUE)


def _parse_group(fields: FieldParser) -> str | None:
    return fields.parse_name("group") or None if fields.raw.get("group") is not None else None


def _parse_key(fields: FieldParser) -> str | None:
    raw = fields.raw.get("key")
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or set(raw) != {"parameter"}:
        fields.add_problem("key", "must be an object such as {parameter: customer}")
        return None
    name = raw["parameter"]
    if problem := find_text_problem(name, MAX_KEY_LENGTH) or (None if name else "must not be empty"):
        fields.add_problem("key.parameter", problem)
        return None
    return str(name)


def _describe_duplicate(limit: ConcurrencyLimit) -> str:
    if limit.group:
        return f"repeats the group {limit.group}"
    return f"repeats the limit for each {limit.key}" if limit.key else "repeats the limit of the pipeline's runs"


def is_group_name(text: str) -> bool:
    """Return True if a group can have this name."""
    return NAME.fullmatch(text) is not None
