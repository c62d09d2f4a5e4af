"""A worker waits for the Prefect server before it imports Prefect."""

from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from entrypoints.worker.prefect.server_wait import wait_until_healthy
from tests.support.prefect_stub import a_prefect_stub, respond


async def test_the_wait_ends_with_the_first_good_health_check() -> None:
    answers = [respond({}, 503), respond({}, 503), respond(True), respond({}, 503)]
    requested: list[str] = []

    def answer(path: str, _: object) -> bytes:
        requested.append(path)
        return answers[len(requested) - 1]

    async with a_prefect_stub(answer) as url:
        prefect = PrefectOrchestrator(url)
        await wait_until_healthy(prefect)
        await prefect.close()

    assert requested == ["/health"] * 3
