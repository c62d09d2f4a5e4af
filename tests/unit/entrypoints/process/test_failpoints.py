"""Failpoints wrap methods by name, so a renamed port method would disable one without an error."""

import os
import signal

import pytest
from dependency_injector import containers, providers
from pytest_mock import MockerFixture

from application.ports.delivery.channel_sender import ChannelSender
from application.ports.dispatch.deployments import Deployments
from application.ports.dispatch.orchestrator import Orchestrator
from application.ports.persistence.flow_runs import FlowRuns
from application.ports.persistence.outbox import Outbox
from application.ports.persistence.unit_of_work import UnitOfWork
from entrypoints.process.failpoints import VARIABLE, enable_failpoints


def create_adapters(mocker: MockerFixture) -> containers.DynamicContainer:
    unit_of_work = mocker.MagicMock(spec=[*dir(UnitOfWork), *UnitOfWork.__annotations__])
    unit_of_work.outbox = mocker.AsyncMock(spec=Outbox)
    unit_of_work.commit = mocker.AsyncMock()
    unit_of_work.flow_runs = mocker.AsyncMock(spec=FlowRuns)
    adapters = containers.DynamicContainer()
    adapters.orchestrator = providers.Object(mocker.AsyncMock(spec=Orchestrator))
    adapters.deployments = providers.Object(mocker.AsyncMock(spec=Deployments))
    adapters.channel_sender = providers.Object(mocker.AsyncMock(spec=ChannelSender))
    adapters.open_unit_of_work = providers.Object(lambda: unit_of_work)
    return adapters


async def pass_every_step(adapters: containers.DynamicContainer) -> None:
    await adapters.orchestrator().create_flow_run(None)
    async with adapters.open_unit_of_work()() as work:
        await work.outbox.mark_delivered(1, 1)
    await adapters.channel_sender().send(None, None)
    await adapters.deployments().create_flow_run(None)
    async with adapters.open_unit_of_work()() as work:
        await work.flow_runs.set_created(None, "flow-run-1")
        await work.commit()
    await adapters.deployments().read_log("flow-run-1", None, is_over=True)


NAMES = [
    "relay.before_create",
    "relay.after_create",
    "relay.after_note",
    "delivery.before_send",
    "delivery.after_send",
    "flow_run.before_create",
    "flow_run.after_create",
    "flow_run.before_record",
    "flow_run.after_record",
    "flow_run.before_end",
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_process_kills_itself_at_the_named_step(name: str, mocker: MockerFixture) -> None:
    kill = mocker.patch("os.kill")
    adapters = create_adapters(mocker)
    enable_failpoints(adapters, {VARIABLE: name})

    await pass_every_step(adapters)

    kill.assert_called_once_with(os.getpid(), signal.SIGKILL)


async def test_without_the_variable_no_adapter_is_wrapped(mocker: MockerFixture) -> None:
    kill = mocker.patch("os.kill")
    adapters = create_adapters(mocker)
    orchestrator = adapters.orchestrator()

    enable_failpoints(adapters, {})
    await pass_every_step(adapters)

    assert adapters.orchestrator() is orchestrator
    kill.assert_not_called()
