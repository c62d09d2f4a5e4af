"""What a new run may cancel, by the policy of the limit that is full."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.simulation.limits.bucket_rules import RUN, list_entries
from tests.support.invariants import WRONG, Violation

REPLACED_BY_RUN = re.compile(r"Run \d+( of .+)? replaces this run\.")
"""The reason that a limit's policy gives for a cancelled run. A schedule's policy names its next tick instead."""


def check_replacements(
    tx: Any, get_limit: Callable[[str], int], has_waited: Callable[[tuple[int, int]], bool], count_over_limit: Callable[[str], int]
) -> Iterator[Violation]:
    """Judge the runs that a transaction opens and cancels at once. `get_limit` returns the limit of that name.

    `has_waited` returns True for a request from before the transaction, `count_over_limit` how many slots of a bucket were taken over
    the limit since: neither takes the locks of buckets.
    """
    committed = tx.store.committed
    opened = [run for id, run in tx.runs.changes.items() if id not in committed.runs]
    replaced = [run for id, run in tx.runs.changes.items() if id in committed.runs and _is_replaced(tx, run)]
    policies: dict[str, set[str]] = {}
    for run in opened:
        for bucket, policy in list_entries(tx, run):
            policies.setdefault(bucket, set()).add(policy)
    for run in replaced:
        shared = {policy for bucket, _ in list_entries(tx, run) for policy in policies.get(bucket, ())}
        was_waiting = committed.runs[run.id].slot_state.value == "waiting"
        if not shared & ({"cancel_running", "keep_newest"} if was_waiting else {"cancel_running"}):
            yield Violation(
                WRONG, f"run {run.id}, which {'waited' if was_waiting else 'ran'}, was replaced by the policies {sorted(shared)}"
            )
    for run in opened:
        if run.slot_state.value == "waiting":
            yield from _check_newest(tx, run, has_waited)
            yield from _check_holders(tx, run, get_limit, count_over_limit)


def _is_replaced(tx: Any, run: Any) -> bool:
    """Return True if an event of this transaction says that another run replaces it, by the policy of a limit."""
    return any(
        event.run_id == run.id and event.type == "run.cancel_requested" and REPLACED_BY_RUN.fullmatch(str(event.data.get("message")))
        for event in tx.events.changes.values()
    )


def _check_newest(tx: Any, run: Any, has_waited: Callable[[tuple[int, int]], bool]) -> Iterator[Violation]:
    """A run that waits by `keep_newest` is the only one of that policy's bucket that waits, unless runs of other policies do."""
    for bucket, policy in list_entries(tx, run):
        older = [key[1] for key in tx.slot_waits if key[0] == bucket and key[2] == RUN and key[1] < run.id and has_waited(key[1:])]
        if policy == "keep_newest" and older:
            yield Violation(WRONG, f"run {run.id} is the newest of {bucket}, and {older} wait too")
        if policy == "skip" and (bucket, run.id, RUN) in tx.slot_waits and older:
            yield Violation(WRONG, f"run {run.id} was not skipped though {older} wait for {bucket}")


def _check_holders(tx: Any, run: Any, get_limit: Callable[[str], int], count_over_limit: Callable[[str], int]) -> Iterator[Violation]:
    """A run that waits by `cancel_running` gets a slot when those that are being stopped have ended."""
    for bucket, policy in list_entries(tx, run):
        if policy != "cancel_running" or (bucket, run.id, RUN) not in tx.slot_waits:
            continue
        holders = {key[1] for key in tx.slots if key[0] == bucket}
        left = [id for id in holders if tx.runs[id].stop_requested_at is None]
        if len(left) - count_over_limit(bucket) >= get_limit(tx.slot_waits[bucket, run.id, RUN].limit_name):
            yield Violation(WRONG, f"run {run.id} cancels running ones, and {sorted(left)} still hold {bucket}")
