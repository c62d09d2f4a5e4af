"""Explains which concurrency limits a run or its stages wait for, who holds the slots, and the place in line."""

import json
from collections.abc import Sequence
from typing import Final

from application.queries.explain.status_text import TextPart, bold, compose, join_names
from application.queries.views.groups import FullBucketView, SlotHolderView
from application.queries.views.runs import RunView

MAX_VALUE_LENGTH: Final = 60
MAX_BUCKETS: Final = 3
"""Full limits that the sentence names; it counts the others."""


def describe_slot_waits(run: RunView, buckets: Sequence[FullBucketView]) -> list[TextPart]:
    """Return a sentence for each full limit that the run or its stages wait for."""
    if not buckets:
        stages = [] if run.slot_state == "waiting" else run.limited_stages
        return compose("A slot is free: ", bold(stages[0].name) if stages else "the run", " is about to get it.")
    shown = buckets[:MAX_BUCKETS]
    sentences = [compose(" " if index else "", _describe_bucket(run, bucket, is_first=not index)) for index, bucket in enumerate(shown)]
    hidden = len(buckets) - len(shown)
    more = f" {hidden} more {'limit is' if hidden == 1 else 'limits are'} full." if hidden else ""
    return compose(*sentences, more)


def _describe_bucket(run: RunView, bucket: FullBucketView, *, is_first: bool) -> list[TextPart]:
    held = "1 of 1 is" if bucket.held == bucket.limit == 1 else f"{bucket.held:,} of {bucket.limit:,} slots are"
    place = f"{format_ordinal(bucket.position_in_line)} in line"
    if bucket.requests > 1 and bucket.stage is not None:
        place = f"the first is {place}"
    return compose(
        _describe_requests(bucket, is_first), _describe_limit(run, bucket), f": {held} held", _describe_holders(bucket), f"; {place}."
    )


def _describe_requests(bucket: FullBucketView, is_first: bool) -> list[TextPart]:
    if bucket.stage is None:
        return compose("Waits for " if is_first else "It also waits for ")
    others = bucket.requests - 1
    if not others:
        return compose(bold(bucket.stage), " waits for ")
    return compose(bold(bucket.stage), f" and {others:,} other {'stage' if others == 1 else 'stages'} wait for ")


def _describe_limit(run: RunView, bucket: FullBucketView) -> list[TextPart]:
    if bucket.group is not None:
        return compose(TextPart(bucket.group, strong=True, group=bucket.group))
    return compose("a slot of ", bold(run.pipeline), _describe_key(run, bucket.parameter))


def _describe_key(run: RunView, parameter: str | None) -> str:
    if parameter is None:
        return ""
    if parameter not in run.parameters:
        return f" without {parameter}"
    value = run.parameters[parameter]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f" with {parameter}={text if len(text) <= MAX_VALUE_LENGTH else text[:MAX_VALUE_LENGTH] + '…'}"


def _describe_holders(bucket: FullBucketView) -> list[TextPart]:
    if not bucket.holders:
        return []
    names = [_name_holder(holder, with_pipeline=bucket.group is not None) for holder in bucket.holders]
    return compose(" by ", join_names(names, bucket.held))


def _name_holder(holder: SlotHolderView, *, with_pipeline: bool) -> TextPart:
    number = f"#{holder.number}"
    return TextPart(f"{holder.pipeline}{number}" if with_pipeline else number, run_id=holder.run_id)


def format_ordinal(number: int) -> str:
    """Return "1st", "2nd", "3rd", "4th", "11th", "21st"."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{suffix}"
