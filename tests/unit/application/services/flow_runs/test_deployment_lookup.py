"""Find deployments, within a short time and with few requests."""

import asyncio
from random import Random

import pytest

from application.ports.dispatch.deployments import Deployment
from application.services.flow_runs.deployment_lookup import CACHE_SECONDS, DeploymentLookup
from domain.errors import Unavailable
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.simulation.runtime.virtual_loop import VirtualLoop


class Ticker:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class SilentDeployments(FakeDeployments):
    """Answers for the names in `answered` only; other requests never end."""

    answered: tuple[str, ...] = ()

    async def find(self, name: str) -> Deployment | None:
        if name not in self.answered:
            await asyncio.Event().wait()
        return await super().find(name)


async def test_deployments_are_found_and_unknown_ones_are_none() -> None:
    prefect = FakeDeployments()
    train = prefect.add("ml/train")

    assert await DeploymentLookup(prefect).find_all(["ml/train", "ml/test"]) == {"ml/train": train, "ml/test": None}


async def test_a_found_deployment_is_remembered_for_a_moment() -> None:
    prefect, clock = FakeDeployments(), Ticker()
    prefect.add("ml/train")
    lookup = DeploymentLookup(prefect, clock)
    await lookup.find_all(["ml/train"])
    await lookup.find_all(["ml/train"])
    remembered = prefect.requests["find"]

    clock.seconds += CACHE_SECONDS
    await lookup.find_all(["ml/train"])

    assert (remembered, prefect.requests["find"]) == (1, 2)


async def test_a_new_deployment_is_found_at_once() -> None:
    prefect = FakeDeployments()
    lookup = DeploymentLookup(prefect)
    before = await lookup.find_all(["ml/train"])
    train = prefect.add("ml/train")

    assert before == {"ml/train": None}
    assert await lookup.find_all(["ml/train"]) == {"ml/train": train}


def test_the_answer_lacks_what_prefect_does_not_answer_in_time() -> None:
    prefect = SilentDeployments()
    prefect.answered = ("ml/train",)
    train = prefect.add("ml/train")

    found = VirtualLoop(Random(0)).run(DeploymentLookup(prefect).find_all(["ml/test", "ml/train"]))

    assert found == {"ml/train": train}


async def test_a_silent_prefect_is_asked_again_only_after_a_moment() -> None:
    prefect, clock = FakeDeployments(), Ticker()
    prefect.is_down = True
    lookup = DeploymentLookup(prefect, clock)
    answers = [await lookup.find_all([name]) for name in ("ml/train", "ml/test")]
    with pytest.raises(Unavailable):
        await lookup.list_all()
    asked = prefect.requests.total()
    prefect.is_down = False
    clock.seconds += CACHE_SECONDS

    assert answers == [{}, {}]
    assert asked == 1
    assert await lookup.find_all(["ml/train"]) == {"ml/train": None}


async def test_the_list_is_remembered_for_a_moment() -> None:
    prefect, clock = FakeDeployments(), Ticker()
    lookup = DeploymentLookup(prefect, clock)
    train = prefect.add("ml/train")
    lists = [await lookup.list_all(), await lookup.list_all()]

    clock.seconds += CACHE_SECONDS
    test = prefect.add("ml/test")

    assert lists == [[train], [train]]
    assert await lookup.list_all() == [test, train]
    assert prefect.requests["list_all"] == 2


async def test_the_list_is_unavailable_if_prefect_does_not_answer() -> None:
    prefect = FakeDeployments()
    prefect.is_down = True

    with pytest.raises(Unavailable, match="Prefect does not respond"):
        await DeploymentLookup(prefect).list_all()
