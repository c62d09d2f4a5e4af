"""The system page: healthy and unhealthy components."""

import re

from application.ports.queries.health_metrics import HealthMetrics
from tests.support.in_process import InProcessHeadgate

PLAIN = {"Accept": "text/plain"}


async def test_a_healthy_system_is_shown_as_ok(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_worker()

    text = (await headgate.page_client.get("/ui/system", headers=PLAIN)).text

    assert "NOT OK" not in text
    assert "1 worker with" in text and "Events are kept for 90 days, logs for 30 days." in text


async def test_the_page_works_without_the_database(headgate: InProcessHeadgate) -> None:
    headgate.fakes.store.is_down = True

    answer = await headgate.page_client.get("/ui/system")

    assert answer.status_code == 200
    assert "Does not respond or is not migrated." in answer.text and 'data-healthy="no"' in answer.text


async def test_without_workers_the_page_says_how_to_start_one(headgate: InProcessHeadgate) -> None:
    text = (await headgate.page_client.get("/ui/system", headers=PLAIN)).text

    assert "No worker is online" in text and "headgate worker" in text


async def test_an_old_outbox_and_a_long_queue_are_unhealthy(headgate: InProcessHeadgate) -> None:
    headgate.fakes.health_metrics.signs = HealthMetrics(7, 600.0, 0, 3)

    text = (await headgate.page_client.get("/ui/system", headers=PLAIN)).text

    assert "7 messages for Prefect, the oldest for 10 m" in text
    assert "3 runs queued for over a minute" in text


async def test_a_full_disk_and_an_unreachable_prefect_are_unhealthy(headgate: InProcessHeadgate) -> None:
    headgate.fakes.disk_space.sentence = "The disk has 3 MiB left."
    headgate.fakes.orchestrator.is_down = True

    page = (await headgate.page_client.get("/ui/system")).text

    assert "The disk has 3 MiB left." in page and "workers continue" in page
    assert re.search("Needs attention: [^.]*Disk", page)
