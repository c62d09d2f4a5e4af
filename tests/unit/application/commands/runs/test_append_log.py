"""Appending log lines."""

from datetime import timedelta

from application.ports.persistence.logs import NewLogLine
from tests.support.in_process import InProcessHeadgate


async def test_a_log_line_with_an_implausible_time_gets_the_current_time() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    now = headgate.fakes.clock.now()
    times = [now - timedelta(hours=1), now - timedelta(days=400), now + timedelta(days=400)]

    await headgate.application.append_log()(run_id, "a", 1, [NewLogLine(n, at, "stdout", "text") for n, at in enumerate(times)])

    stored = await headgate.fakes.reader.log(run_id, stage=None, attempt=None, after=0, limit=10)
    assert [line.at for line in stored] == [times[0], now, now]
