"""The output of a PostgreSQL program becomes one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.persistence.embedded.errors import error_from_output

WHERE = Path("/srv/postgres")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("initdb: error: could not look up effective user ID 12345: user does not exist\n", "user 12345 has none"),
        ("initdb: error: could not look up effective user ID 1000650000: user does not exist", "set HEADGATE_DATABASE_URL"),
        ('FATAL:  could not look up effective user ID 7: "user does not exist"', "user 7 has none"),
        ("psql: error: local user with ID 12345 does not exist", "user 12345 has none"),
        ("could not write: No space left on device", "set HEADGATE_HOME to a folder on another disk"),
        ("LOG: starting\nFATAL:  the reason\nLOG: down", "could not start in /srv/postgres: FATAL:  the reason"),
        ("", "no output"),
    ],
)
def test_the_reason_is_one_sentence(output: str, expected: str) -> None:
    error = str(error_from_output(output, "start", WHERE))

    assert expected in error
    assert "\n" not in error
