"""Forms of pipelines know Prefect's deployments, and work without Prefect."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from application.ports.dispatch.deployments import Deployment
from tests.fakes import FakeDeployments
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "epochs": {"type": "integer", "minimum": 1}},
    "required": ["day", "epochs"],
}
TRAIN = """\
name: nightly
stages:
- {name: train, kind: prefect, deployment: ml/train, parameters: {day: {parameter: day}, epochs: 5}}
"""


async def create(headgate: InProcessHeadgate, *, deployment: str = "ml/train", parameters: str = "", on_cancel: str = "") -> httpx.Response:
    """Submit the form with a stage that runs a deployment."""
    stage = {"name": "train", "kind": "prefect", "deployment": deployment, "parameters": parameters, "on_cancel": on_cancel}
    fields = {"name": "nightly", "definition": "", **{f"stage-{key}": value for key, value in stage.items()}}
    return await headgate.page_client.post("/ui/new", data=fields)


async def edit(headgate: InProcessHeadgate, text: str) -> httpx.Response:
    return await headgate.page_client.post("/ui/pipelines/nightly/edit", data={"definition": text, "revision": "1"})


async def get_text(headgate: InProcessHeadgate, path: str) -> str:
    answer = await headgate.page_client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_form_suggests_the_deployments_that_prefect_has(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.add("ml/train", pool="k8s")
    headgate.fakes.deployments.add('ml/<b>"score"', pool=None)

    page = await get_text(headgate, "/ui/new")

    choices = page.split('<datalist id="deployments">')[1].split("</datalist>")[0]
    assert choices == '<option value="ml/&lt;b&gt;&#34;score&#34;"></option><option value="ml/train">k8s</option>'
    assert page.count('list="deployments"') == 1


class SilentDeployments(FakeDeployments):
    """Prefect accepts requests and never answers."""

    async def list_all(self) -> Sequence[Deployment]:
        never: asyncio.Future[Sequence[Deployment]] = asyncio.get_running_loop().create_future()
        return await never


@pytest.mark.parametrize("path", ["/ui/new", "/ui/pipelines/nightly/edit"])
@pytest.mark.parametrize("is_silent", [False, True], ids=["refused", "silent"])
async def test_without_prefect_the_forms_have_no_suggestions(path: str, is_silent: bool) -> None:
    async with InProcessHeadgate(ports={"deployments": SilentDeployments()} if is_silent else {}) as headgate:
        headgate.fakes.deployments.is_down = True
        await headgate.stories.add_pipeline(stages=["a"])

        page = await get_text(headgate, path)

    assert "<form" in page
    assert "<datalist" not in page and "Prefect’s deployments" not in page


async def test_a_stage_of_kind_prefect_is_stored_with_parameters_and_what_a_cancellation_does(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.add("ml/train", SCHEMA)

    answer = await create(headgate, parameters="{day: {parameter: day}, epochs: 5}", on_cancel="leave")

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/pipelines/1")
    pipeline = await headgate.fakes.reader.pipeline(1)
    assert pipeline is not None
    (train,) = pipeline.definition.stages
    assert (train.deployment, train.parameters, train.on_cancel) == ("ml/train", {"day": {"parameter": "day"}, "epochs": 5}, "leave")


@pytest.mark.parametrize(
    ("entered", "error"),
    [
        ({"deployment": "train"}, "Deployment: must name a deployment as FLOW/DEPLOYMENT"),
        ({"parameters": "{day: ["}, "Parameters must be valid YAML"),
    ],
)
async def test_what_is_wrong_with_a_deployment_stands_at_its_field(headgate: InProcessHeadgate, entered: Any, error: str) -> None:
    answer = await create(headgate, **entered)

    assert answer.status_code == 422
    (field,) = entered
    assert error in answer.text.split(f'id="stage-{field}-error">')[1].split("</p>")[0]
    assert entered[field] in answer.text
    assert '<option value="prefect" selected>' in answer.text


@pytest.mark.parametrize(
    ("entered", "line", "error"),
    [
        ({"deployment": "ml/none"}, 5, "Prefect has no deployment ml/none"),
        ({"parameters": "{day: '2026-11-28', epochs: 0}"}, 6, "stages[0].parameters.epochs"),
    ],
)
async def test_what_prefect_refuses_stands_at_its_line(headgate: InProcessHeadgate, entered: Any, line: int, error: str) -> None:
    headgate.fakes.deployments.add("ml/train", SCHEMA)

    answer = await create(headgate, **entered)

    assert answer.status_code == 422
    problems = answer.text.split('class="line-problems"')[1].split("</ol>")[0]
    assert f'data-line="{line}"' in problems and error in problems
    assert "kind: prefect" in answer.text.split("<textarea")[1].split("</textarea>")[0]


async def test_warnings_are_shown_after_saving_and_can_be_checked_again(headgate: InProcessHeadgate) -> None:
    deployments = headgate.fakes.deployments
    deployments.is_down = True
    created = await create(headgate, parameters="{day: x, epochs: 5}")
    unanswered = await get_text(headgate, created.headers["location"])

    assert created.headers["location"] == "/ui/pipelines/1/deployments"
    assert "Prefect does not respond, so the deployment ml/train was not checked." in unanswered


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (SCHEMA, "Prefect has its deployments, and they take these parameters."),
        ({"type": "object", "properties": {"epochs": {}}}, "the deployment ml/train has no parameter of this name."),
        (None, "Prefect has no deployment ml/train."),
    ],
    ids=["all is well", "unknown parameter", "unknown deployment"],
)
async def test_the_check_of_deployments_says_what_it_found(headgate: InProcessHeadgate, schema: Any, sentence: str) -> None:
    await headgate.stories.add_pipeline(stages=[a_stage("train", "prefect", parameters={"day": "x", "epochs": 5})])
    if schema:
        headgate.fakes.deployments.add("ml/train", schema)

    assert sentence in await get_text(headgate, "/ui/pipelines/1/deployments")


async def test_the_editor_lists_deployments_and_shows_warnings_after_saving(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.add("ml/train", SCHEMA, defaults={"epochs": 5})
    await headgate.stories.add_pipeline(stages=["a"])

    form = await get_text(headgate, "/ui/pipelines/nightly/edit")
    unknown = await edit(headgate, TRAIN.replace("ml/train", "ml/none"))
    saved = await edit(headgate, TRAIN.replace("epochs: 5", "epochs: 5, rate: 1"))

    assert "ml/train" in form and "day*, epochs<" in form
    assert unknown.status_code == 422 and "stages[0].deployment" in unknown.text and "Prefect has no deployment ml/none" in unknown.text
    assert (saved.status_code, saved.headers["location"]) == (303, "/ui/pipelines/1/deployments")
    assert "stages[0].parameters.rate" in await get_text(headgate, saved.headers["location"])


async def test_a_definition_is_shown_without_the_defaults_of_a_stage_of_kind_prefect(headgate: InProcessHeadgate) -> None:
    parameters = {"day": {"parameter": "day"}}
    await headgate.stories.add_pipeline(stages=[a_stage("train", "prefect", parameters=parameters), a_stage("score", "prefect")])

    form = await get_text(headgate, "/ui/pipelines/nightly/edit")
    text = form.split("<textarea")[1].split(">", 1)[1].split("</textarea>")[0]

    assert [key.strip("- ") for key in text.split("stages:")[1].strip().splitlines()] == [
        "name: train",
        "kind: prefect",
        "deployment: ml/train",
        "parameters:",
        "day: {parameter: day}",
        "{name: score, kind: prefect, deployment: ml/train}",
    ]


async def test_what_a_deployment_refuses_stands_at_the_parameter_of_the_run(headgate: InProcessHeadgate) -> None:
    headgate.fakes.deployments.add("ml/train", SCHEMA)
    rules = {"type": "object", "properties": {"count": {"type": "integer"}}, "additionalProperties": True}
    stage = a_stage("train", "prefect", parameters={"day": 3, "epochs": {"parameter": "count"}})
    await headgate.stories.add_pipeline(stages=[stage], parameters=rules)

    answer = await headgate.page_client.post("/ui/pipelines/nightly/trigger", data={"form": "1", "count": "0"})

    assert answer.status_code == 422
    summary = answer.text.split('class="problems"')[1].split("</div>")[0]
    assert "stages[0].parameters.day" in summary
    error = answer.text.split('class="field-error"')[1].split("</p>")[0]
    assert "(deployment ml/train)" in error and "count" in error
    assert answer.text.count('class="field-error"') == 1
