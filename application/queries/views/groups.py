"""Read models of concurrency limits: groups, the holders of their slots, and the requests that wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

GROUP_PREFIX: Final = "group:"


@dataclass(frozen=True, slots=True)
class GroupUseView:
    """How a pipeline's newest revision uses a group.

    `limit` is the limit that its definition gives, None if it gives none. With `by_run`, each of its runs holds a slot; `stages` is the
    number of its stages that hold one.
    """

    pipeline_id: int
    pipeline: str
    limit: int | None
    by_run: bool
    stages: int


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group with its limit, None if it has none. `set_by` is the admin who set the limit; None if a pipeline's definition gives it.

    `held` counts its slots in use, also those over the limit, and `waiting` the runs and stages that wait for one. `pipelines` are
    ordered by name.
    """

    name: str
    limit: int | None
    set_by: str | None = None
    set_at: datetime | None = None
    held: int = 0
    waiting: int = 0
    pipelines: Sequence[GroupUseView] = ()


@dataclass(frozen=True, slots=True)
class SlotHolderView:
    """A run, or with `stage` one stage of it, that holds a slot."""

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    stage: str | None
    taken_at: datetime
    over_limit: bool = False


@dataclass(frozen=True, slots=True)
class SlotWaitView:
    """A run, or with `stage` one stage of it, that waits for a slot. `position_in_line` counts from 1."""

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    stage: str | None
    priority: int
    waits_since: datetime
    position_in_line: int


@dataclass(frozen=True, slots=True)
class GroupDetailView:
    """A group, the holders of its slots, the longest first, and the requests that wait, in the order in which they get one."""

    group: GroupView
    holders: Sequence[SlotHolderView] = ()
    waiting: Sequence[SlotWaitView] = ()


@dataclass(frozen=True, slots=True)
class FullBucketView:
    """A full bucket for which a run waits, as the sentence on the run's page names it.

    `stage` is the run's first request in line, None if the run itself waits; `requests` counts the run's requests that wait for the
    bucket. `holders` are the first three of `held`, the longest first.
    """

    bucket: str
    limit_name: str
    limit: int
    held: int
    position_in_line: int
    stage: str | None = None
    requests: int = 1
    holders: Sequence[SlotHolderView] = ()

    @property
    def group(self) -> str | None:
        """Return the group's name; None if the limit belongs to one pipeline."""
        return self.limit_name.removeprefix(GROUP_PREFIX) if self.limit_name.startswith(GROUP_PREFIX) else None

    @property
    def parameter(self) -> str | None:
        """Return the parameter whose values the pipeline's limit counts one by one; None for other limits."""
        return None if self.group is not None else self.limit_name.removeprefix("pipeline:").partition(":")[2] or None
