from datetime import timedelta

import pytest

from domain.errors import Conflict, InvalidInput
from domain.pipelines.activation import ACTIVE, Activation, check_deletable, check_not_archived
from tests.support.builders import NOW, seconds_later

LATER, END = seconds_later(60), seconds_later(3600)
PAUSED = Activation(paused_at=NOW, paused_by="mara", changes=1)
PAUSED_UNTIL = Activation(paused_at=NOW, paused_by="mara", paused_until=END, changes=1)
ARCHIVED = Activation(archived_at=NOW, archived_by="mara", changes=1)
BOTH = Activation(paused_at=NOW, paused_by="mara", archived_at=NOW, archived_by="mara", changes=2)


@pytest.mark.parametrize(
    ("before", "move", "after"),
    [
        (ACTIVE, lambda a: a.pause(NOW, "mara"), PAUSED),
        (ACTIVE, lambda a: a.pause(NOW, "mara", END), PAUSED_UNTIL),
        (ACTIVE, lambda a: a.resume(), ACTIVE),
        (ACTIVE, lambda a: a.archive(NOW, "mara"), ARCHIVED),
        (ACTIVE, lambda a: a.unarchive(), ACTIVE),
        (PAUSED, lambda a: a.pause(LATER, "eve"), PAUSED),
        (PAUSED, lambda a: a.pause(LATER, "eve", END), Activation(NOW, "mara", END, changes=2)),
        (PAUSED_UNTIL, lambda a: a.pause(LATER, "eve"), Activation(NOW, "mara", changes=2)),
        (PAUSED_UNTIL, lambda a: a.pause(LATER, "eve", END), PAUSED_UNTIL),
        (PAUSED_UNTIL, lambda a: a.pause(END, "eve"), Activation(END, "eve", changes=2)),
        (PAUSED, lambda a: a.resume(), Activation(changes=2)),
        (PAUSED, lambda a: a.archive(NOW, "mara"), BOTH),
        (PAUSED, lambda a: a.unarchive(), PAUSED),
        (ARCHIVED, lambda a: a.archive(LATER, "eve"), ARCHIVED),
        (ARCHIVED, lambda a: a.unarchive(), Activation(changes=2)),
        (ARCHIVED, lambda a: a.resume(), ARCHIVED),
        (BOTH, lambda a: a.unarchive(), Activation(NOW, "mara", changes=3)),
        (BOTH, lambda a: a.resume(), Activation(archived_at=NOW, archived_by="mara", changes=3)),
    ],
)
def test_every_move_changes_only_what_it_is_about(before: Activation, move: object, after: Activation) -> None:
    moved = move(before)  # type: ignore[operator]

    assert moved == after
    assert (moved is before) is (moved.changes == before.changes)


@pytest.mark.parametrize(
    ("activation", "seconds", "is_paused"),
    [(ACTIVE, 0, False), (PAUSED, 9_999, True), (PAUSED_UNTIL, 3_599, True), (PAUSED_UNTIL, 3_600, False), (ARCHIVED, 0, False)],
)
def test_a_pause_lasts_until_its_end(activation: Activation, seconds: float, is_paused: bool) -> None:
    assert activation.is_paused(seconds_later(seconds)) is is_paused


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(seconds=1)])
def test_a_pause_does_not_end_in_the_past(until: object) -> None:
    with pytest.raises(InvalidInput) as error:
        ACTIVE.pause(NOW, "mara", until)  # type: ignore[arg-type]

    assert error.value.problems[0].field == "until"


def test_only_an_archived_pipeline_is_refused_a_run() -> None:
    check_not_archived("flights", ACTIVE)
    check_not_archived("flights", PAUSED)

    with pytest.raises(Conflict, match=r"^flights is archived\. Unarchive it to start runs\.$") as error:
        check_not_archived("flights", ARCHIVED)

    assert error.value.kind == "archived"


def test_a_deletion_needs_an_archived_pipeline_and_its_name() -> None:
    check_deletable("flights", ARCHIVED, "flights")

    with pytest.raises(Conflict) as conflict:
        check_deletable("flights", PAUSED, "flights")
    for name in (None, "", "Flights", "flight"):
        with pytest.raises(InvalidInput, match="confirm: must be the pipeline's name, flights"):
            check_deletable("flights", ARCHIVED, name)

    assert conflict.value.kind == "not_archived"
