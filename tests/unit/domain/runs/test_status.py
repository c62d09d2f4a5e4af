import pytest

from domain.runs.attempt import Attempt, IllegalMove
from domain.runs.status import ATTEMPT_MOVES, Status, parse_reported_status
from tests.support.builders import NOW, an_hour_later

TABLE = """
pending   | queued waiting skipped cancelled
queued    | running cancelled failed lost
running   | waiting completed failed cancelled lost
waiting   | queued running completed failed skipped cancelled lost
completed |
failed    |
cancelled |
skipped   |
lost      |
"""
LEGAL = {(Status(line.split("|")[0].strip()), Status(word)) for line in TABLE.strip().splitlines() for word in line.split("|")[1].split()}
PAIRS = [(before, after) for before in Status for after in Status]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_an_attempt_can_make_the_moves_of_the_table_and_no_others(before: Status, after: Status) -> None:
    attempt = Attempt(1, NOW, status=before)

    if (before, after) in LEGAL:
        attempt.move(after, an_hour_later())
        assert attempt.status is after
    else:
        with pytest.raises(IllegalMove):
            attempt.move(after, an_hour_later())
        assert attempt == Attempt(1, NOW, status=before)


def test_the_table_has_every_status_and_no_moves_from_terminal_ones() -> None:
    assert set(ATTEMPT_MOVES) == set(Status)
    assert {status for status in Status if not ATTEMPT_MOVES[status]} == {status for status in Status if status.is_terminal}
    assert len(LEGAL) == 20


def test_moves_set_their_times_once() -> None:
    attempt = Attempt(1, NOW)

    attempt.move(Status.QUEUED, NOW)
    attempt.move(Status.RUNNING, NOW)
    attempt.move(Status.WAITING, an_hour_later())
    attempt.move(Status.RUNNING, an_hour_later())
    attempt.move(Status.COMPLETED, an_hour_later())

    assert (attempt.queued_at, attempt.started_at, attempt.finished_at) == (NOW, NOW, an_hour_later())


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("completed success succeeded SUCCESS Completed", Status.COMPLETED),
        ("failed error failure Error", Status.FAILED),
        ("running start started in_progress", Status.RUNNING),
        ("cancelled canceled", Status.CANCELLED),
        ("skipped", Status.SKIPPED),
        ("pending queued waiting lost done ok finished nonsense \0", None),
    ],
)
def test_common_words_mean_a_status(words: str, status: Status | None) -> None:
    assert {parse_reported_status(word) for word in words.split()} == {status}


def test_an_empty_word_is_not_a_status() -> None:
    assert parse_reported_status("") is None
    assert parse_reported_status(" completed ") is Status.COMPLETED
