"""The concurrency limits of a pipeline in words."""

from collections.abc import Sequence
from typing import Final

from application.queries.explain.status_text import TextPart, bold, compose, join_names
from domain.concurrency.definition import ConcurrencyLimit, WhenFull
from domain.pipelines.definition import PipelineDefinition
from entrypoints.web.view_models.formatting import Sentence, pluralize
from entrypoints.web.view_models.groups import format_priority

MAX_STAGES: Final = 50
"""Stages of which the page says which groups they use; it counts the others."""
_WHEN_FULL: Final = {
    WhenFull.QUEUE: "more runs wait.",
    WhenFull.SKIP: "another trigger is refused, and a tick is skipped.",
    WhenFull.CANCEL_RUNNING: "a new run replaces the running one.",
    WhenFull.KEEP_NEWEST: "only the newest further run waits.",
}


def describe_limits(definition: PipelineDefinition) -> list[Sentence]:
    """Return a sentence for each limit and for each stage that uses a group; the groups are links."""
    sentences: list[Sentence] = [_describe_limit(limit) for limit in definition.concurrency]
    users = [(stage.name, stage.uses) for stage in definition.stages if stage.uses]
    sentences += [_describe_uses(name, uses) for name, uses in users[:MAX_STAGES]]
    if len(users) > MAX_STAGES:
        sentences.append(compose(f"{pluralize(len(users) - MAX_STAGES, 'more stage')} in the definition."))
    if definition.priority:
        sentences.append(compose(f"Runs have priority {format_priority(definition.priority)}."))
    return sentences


def _describe_limit(limit: ConcurrencyLimit) -> Sentence:
    consequence = _WHEN_FULL[limit.when_full]
    if limit.group is not None:
        of = f", of {limit.limit:,}" if limit.limit is not None else ""
        return compose("Each run holds a slot of ", _link_group(limit.group), f"{of}; without a free slot {consequence}")
    runs = f"At most {pluralize(limit.limit or 1, 'run')} at once"
    if limit.key is not None:
        return compose(f"{runs} for each ", bold(limit.key), f"; {consequence}")
    return compose(f"{runs}; {consequence}")


def _describe_uses(stage: str, groups: Sequence[str]) -> Sentence:
    return compose(bold(stage), " holds a slot of ", join_names([_link_group(group) for group in groups]), " while it runs.")


def _link_group(name: str) -> TextPart:
    return TextPart(name, strong=True, group=name)
