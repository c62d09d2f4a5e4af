"""A row that cannot be processed does not block the others."""

import pytest

from application.services.failure_isolation import FailureIsolation
from domain.errors import Unavailable


async def test_the_rows_of_a_failed_batch_are_taken_one_by_one_and_the_failing_one_is_left_out() -> None:
    isolation, done = FailureIsolation(), list[int]()

    async def process() -> bool:
        batch = [row for row in (1, 2, 3) if row not in {*done, *isolation.excluded}][: isolation.take_limit(10)]
        with isolation.isolate() as ids:
            ids.update(batch)
            if 2 in batch:
                raise ValueError("row 2")
            done.extend(batch)
        return bool(batch)

    with pytest.raises(ValueError, match="row 2"):
        await isolation.run_batches(process)

    assert (done, list(isolation.excluded)) == ([1, 3], [2])


@pytest.mark.parametrize(("rows", "error"), [((), ValueError("no rows were found")), ((1,), Unavailable("no store"))])
async def test_an_error_that_no_row_causes_ends_the_pass(rows: tuple[int, ...], error: Exception) -> None:
    isolation = FailureIsolation()

    async def process() -> bool:
        with isolation.isolate() as ids:
            ids.update(rows)
            raise error

    with pytest.raises(type(error)):
        await isolation.run_batches(process)

    assert not isolation.excluded
