import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.pipelines.definition import OnCancel, PipelineDefinition, StageCondition, StageDefinition, StageKind
from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS, parse_definition
from domain.pipelines.serialization import serialize_pipeline, serialize_stage_to_run
from domain.text_validation import find_text_problem
from tests.support.builders import a_stage

NUL = "a\0b"
SURROGATE = "\ud800"
SHELL = {"shell": True}
CYCLE = [a_stage("a", needs=["c"]), a_stage("b", needs=["a"]), a_stage("c", needs=["b"])]


def a_raw_definition(stages: Any = None, **keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "stages": [a_stage("a")] if stages is None else stages, **keys}


def with_stage_keys(**keys: Any) -> dict[str, Any]:
    return a_raw_definition([{**a_stage("a"), **keys}])


def with_keys_of(kind: str, **keys: Any) -> dict[str, Any]:
    return a_raw_definition([{"name": "a", "kind": kind, **keys}])


def with_interpreter(python: object) -> dict[str, Any]:
    return a_raw_definition([{**a_stage("a", "python"), "python": python}])


def with_prefect_keys(**keys: Any) -> dict[str, Any]:
    return a_raw_definition([{**a_stage("a", "prefect"), **keys}])


def get_invalid_fields(definition: object) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        parse_definition(definition)
    return [problem.field for problem in error.value.problems]


INVALID = {
    "not an object": ([], ""),
    "nothing": (None, ""),
    "no name": ({"stages": [a_stage()]}, "name"),
    "a name with spaces": (a_raw_definition(name="my pipeline"), "name"),
    "a name of 10,000 characters": (a_raw_definition(name="a" * 10_000), "name"),
    "a name of 101 characters": (a_raw_definition(name="a" * 101), "name"),
    "a name that begins with a digit": (a_raw_definition(name="1st"), "name"),
    "a name with a line end": (a_raw_definition(name="nightly\n"), "name"),
    "a name with an umlaut": (a_raw_definition(name="nächtlich"), "name"),
    "a number for a name": (a_raw_definition(name=7), "name"),
    "NUL in the description": (a_raw_definition(description=NUL), "description"),
    "half a surrogate pair in the description": (a_raw_definition(description=SURROGATE), "description"),
    "a long description": (a_raw_definition(description="x" * 2_001), "description"),
    "no parallelism": (a_raw_definition(parallelism=0), "parallelism"),
    "half a parallelism": (a_raw_definition(parallelism=1.5), "parallelism"),
    "true for a number": (a_raw_definition(parallelism=True), "parallelism"),
    "an integer past 64 bits": (a_raw_definition(parallelism=2**64), "parallelism"),
    "a pool with a slash": (a_raw_definition(pool="a/b"), "pool"),
    "a list of parameters": (a_raw_definition(parameters=[]), "parameters"),
    "NUL in the parameters": (a_raw_definition(parameters={"title": NUL}), "parameters.title"),
    "half a surrogate pair in a parameter's name": (a_raw_definition(parameters={"properties": {SURROGATE: {}}}), "parameters.properties"),
    "NaN in the parameters": (
        a_raw_definition(parameters={"properties": {"a": {"default": float("nan")}}}),
        "parameters.properties.a.default",
    ),
    "an integer past 64 bits in the parameters": (a_raw_definition(parameters={"x": [0, 2**63]}), "parameters.x[1]"),
    "a date in the parameters": (a_raw_definition(parameters={"x": object()}), "parameters.x"),
    "an unknown key": (a_raw_definition(stagse=[]), "stagse"),
    "no stages": (a_raw_definition([]), "stages"),
    "stages as an object": (a_raw_definition({"a": {}}), "stages"),
    "too many stages": (a_raw_definition([a_stage(f"s{n}") for n in range(501)]), "stages"),
    "a stage that is a text": (a_raw_definition(["a"]), "stages[0]"),
    "two stages of one name": (a_raw_definition([a_stage("a"), a_stage("a")]), "stages[1].name"),
    "a stage's name with spaces": (a_raw_definition([a_stage("a"), a_stage("b c")]), "stages[1].name"),
    "a cycle": (a_raw_definition(CYCLE), "stages"),
    "a stage that needs itself": (a_raw_definition([a_stage("a", needs=["a"])]), "stages"),
    "an unknown need": (a_raw_definition([a_stage("a"), a_stage("b", needs=["nobody"])]), "stages[1].needs"),
    "a need that is a number": (a_raw_definition([a_stage("a"), a_stage("b", needs=[1])]), "stages[1].needs[0]"),
    "needs as a text": (a_raw_definition([a_stage("a"), a_stage("b", needs="a")]), "stages[1].needs"),
    "a timeout of -1": (with_stage_keys(timeout=-1), "stages[0].timeout"),
    "a timeout of 0": (with_stage_keys(timeout=0), "stages[0].timeout"),
    "a timeout of NaN": (with_stage_keys(timeout=float("nan")), "stages[0].timeout"),
    "a timeout without end": (with_stage_keys(timeout=float("inf")), "stages[0].timeout"),
    "a timeout past 64 bits": (with_stage_keys(timeout=2**64), "stages[0].timeout"),
    "a timeout as a text": (with_stage_keys(timeout="60"), "stages[0].timeout"),
    "a retry delay of -1": (with_stage_keys(retry_delay=-1), "stages[0].retry_delay"),
    "retries of -1": (with_stage_keys(retries=-1), "stages[0].retries"),
    "retries of 1.5": (with_stage_keys(retries=1.5), "stages[0].retries"),
    "yes for a flag": (with_stage_keys(allow_failure="yes"), "stages[0].allow_failure"),
    "an unknown stage key": (with_stage_keys(comand=["true"]), "stages[0].comand"),
    "no kind": (a_raw_definition([{"name": "a"}]), "stages[0].kind"),
    "a kind that is not built": (a_raw_definition([{"name": "a", "kind": "pipeline"}]), "stages[0].kind"),
    "a list for a kind": (a_raw_definition([{"name": "a", "kind": ["command"]}]), "stages[0].kind"),
    "an unknown when": (with_stage_keys(when="never"), "stages[0].when"),
    "a command without shell as a text": (with_stage_keys(command="echo hi"), "stages[0].command"),
    "an empty command": (with_stage_keys(command=[]), "stages[0].command"),
    "a command with no program": (with_stage_keys(command=["", "x"]), "stages[0].command"),
    "a command with a number": (with_stage_keys(command=["sleep", 1]), "stages[0].command[1]"),
    "a command with NUL": (with_stage_keys(command=["echo", NUL]), "stages[0].command[1]"),
    "a shell command as a list": (with_stage_keys(**SHELL), "stages[0].command"),
    "an empty shell command": (with_stage_keys(**SHELL, command=""), "stages[0].command"),
    "a callable without a function": (a_raw_definition([{"name": "a", "callable": "jobs.main"}]), "stages[0].callable"),
    "a callable with a space": (a_raw_definition([{"name": "a", "callable": "jobs:main ()"}]), "stages[0].callable"),
    "no callable": (a_raw_definition([{"name": "a", "kind": "python"}]), "stages[0].callable"),
    "a command and a callable": (with_stage_keys(callable="jobs:main"), "stages[0].callable"),
    "an external stage with retries": (a_raw_definition([{"name": "a", "kind": "external", "retries": 1}]), "stages[0].retries"),
    "an external stage with a command": (a_raw_definition([{"name": "a", "kind": "external", "command": ["true"]}]), "stages[0].command"),
    "a pipeline's environment as a list": (a_raw_definition(env=["A=1"]), "env"),
    "a pipeline's environment with a number": (a_raw_definition(env={"A": 1}), "env.A"),
    "a pipeline's environment with NUL": (a_raw_definition(env={"A": NUL}), "env.A"),
    "a pipeline's environment name with =": (a_raw_definition(env={"A=B": "1"}), "env"),
    "a pipeline's environment name of ours": (a_raw_definition(env={"HEADGATE_TOKEN": "x"}), "env"),
    "an environment as a list": (with_stage_keys(env=["A=1"]), "stages[0].env"),
    "an environment with a number": (with_stage_keys(env={"A": 1}), "stages[0].env.A"),
    "an environment with NUL": (with_stage_keys(env={"A": NUL}), "stages[0].env.A"),
    "an environment name with =": (with_stage_keys(env={"A=B": "1"}), "stages[0].env"),
    "an environment name of ours": (with_stage_keys(env={"HEADGATE_TOKEN": "x"}), "stages[0].env"),
    "a workdir with NUL": (with_stage_keys(workdir=NUL), "stages[0].workdir"),
    "an interpreter of a command": (with_stage_keys(python=".venv"), "stages[0].python"),
    "an interpreter of an external stage": (with_keys_of("external", python="x"), "stages[0].python"),
    "an interpreter of an http stage": (
        a_raw_definition([{"name": "a", "kind": "http", "url": "https://a.example", "python": "x"}]),
        "stages[0].python",
    ),
    "an interpreter with NUL": (with_interpreter(NUL), "stages[0].python"),
    "an interpreter that is a list": (with_interpreter(["python"]), "stages[0].python"),
    "an interpreter that is too long": (with_interpreter("x" * 4_097), "stages[0].python"),
    "an interpreter in a home folder": (with_interpreter("~/venv"), "stages[0].python"),
    "an interpreter that is a version": (with_interpreter("3.12"), "stages[0].python"),
    "an interpreter that is a number": (with_interpreter(3.12), "stages[0].python"),
    "a pipeline's interpreter that is a number": (a_raw_definition(python=3), "python"),
    "a pipeline's interpreter that is true": (a_raw_definition(python=True), "python"),
    "a pipeline's interpreter in a home folder": (a_raw_definition(python="~ada/venv"), "python"),
    "no deployment": (a_raw_definition([{"name": "a", "kind": "prefect"}]), "stages[0].deployment"),
    "a deployment without its flow": (a_raw_definition([{"name": "a", "deployment": "train"}]), "stages[0].deployment"),
    "a deployment that is a number": (a_raw_definition([{"name": "a", "kind": "prefect", "deployment": 7}]), "stages[0].deployment"),
    "a deployment with NUL": (a_raw_definition([{"name": "a", "deployment": f"ml/{NUL}"}]), "stages[0].deployment"),
    "a list of a flow run's parameters": (with_prefect_keys(parameters=["day"]), "stages[0].parameters"),
    "NUL in a flow run's parameters": (with_prefect_keys(parameters={"a": [NUL]}), "stages[0].parameters.a[0]"),
    "NaN in a flow run's parameters": (with_prefect_keys(parameters={"a": float("nan")}), "stages[0].parameters.a"),
    "an unknown on_cancel": (with_prefect_keys(on_cancel="stop"), "stages[0].on_cancel"),
    "a prefect stage with a command": (with_prefect_keys(command=["true"]), "stages[0].command"),
    "a prefect stage with an environment": (with_prefect_keys(env={"A": "1"}), "stages[0].env"),
    "a prefect stage with secrets": (with_prefect_keys(secrets=["TOKEN"]), "stages[0].secrets"),
    "a prefect stage with a URL": (with_prefect_keys(url="https://a.example"), "stages[0].url"),
    "a prefect stage with approvers": (with_prefect_keys(approvers=["mara"]), "stages[0].approvers"),
    "a command with a deployment": (with_stage_keys(deployment="ml/train"), "stages[0].deployment"),
    "a command with a flow run's parameters": (with_stage_keys(parameters={}), "stages[0].parameters"),
    "a command with on_cancel": (with_stage_keys(on_cancel="leave"), "stages[0].on_cancel"),
    "an external stage with a deployment": (
        a_raw_definition([{"name": "a", "kind": "external", "deployment": "ml/train"}]),
        "stages[0].deployment",
    ),
}


@pytest.mark.parametrize(("definition", "field"), INVALID.values(), ids=INVALID.keys())
def test_invalid_input_is_refused_with_the_name_of_its_field(definition: object, field: str) -> None:
    assert get_invalid_fields(definition) == [field]


def test_all_problems_are_reported_at_once() -> None:
    wrong = a_raw_definition(
        [{"name": "a b", "kind": "command", "command": ["true"], "timeout": -1}, a_stage("c", needs=["nobody"])], name="", pool=7
    )

    assert get_invalid_fields(wrong) == ["name", "pool", "stages[0].name", "stages[0].timeout", "stages[1].needs"]


def test_the_message_about_a_cycle_lists_its_stages() -> None:
    with pytest.raises(InvalidInput, match="a → c → b → a"):
        parse_definition(a_raw_definition(CYCLE))


def test_missing_keys_have_their_defaults() -> None:
    definition = parse_definition(
        {
            "name": "n",
            "stages": [{"name": "a", "command": ["true"]}, {"name": "b", "callable": "m:f"}, {"name": "c", "kind": "external"}],
        }
    )

    a, b, c = definition.stages
    assert definition == PipelineDefinition("n", (a, b, c), "", 16, "headgate", None)
    assert a == StageDefinition(
        "a", StageKind.COMMAND, (), ("true",), False, None, {}, None, 3_600.0, 0, 0.0, False, False, StageCondition.COMPLETED
    )
    assert (b.kind, b.needs, b.callable, b.timeout) == (StageKind.PYTHON, ("a",), "m:f", 3_600.0)
    assert (c.kind, c.needs, c.timeout) == (StageKind.EXTERNAL, ("b",), 604_800.0)


def test_a_deployment_makes_a_stage_of_kind_prefect() -> None:
    definition = parse_definition(a_raw_definition([{"name": "a", "deployment": "ml/train"}]))

    (stage,) = definition.stages
    assert stage == StageDefinition("a", StageKind.PREFECT, deployment="ml/train", parameters={})
    assert parse_definition(serialize_pipeline(definition)) == definition
    assert (stage.timeout, stage.on_cancel) == (3_600.0, OnCancel.CANCEL)


def test_a_prefect_stage_keeps_its_keys() -> None:
    parameters = {"day": {"parameter": "day"}, "rows": [1, None, {"deep": True}]}
    keys = {"retries": 2, "retry_delay": "1m", "retry_on_loss": True, "uses": ["gpu"], "timeout": "2h", "allow_failure": True}
    definition = parse_definition(with_prefect_keys(parameters=parameters, on_cancel="leave", **keys))

    (stage,) = definition.stages
    assert (stage.deployment, stage.parameters, stage.on_cancel) == ("ml/train", parameters, OnCancel.LEAVE)
    assert (stage.retries, stage.retry_delay, stage.retry_on_loss, stage.uses, stage.timeout) == (2, 60.0, True, ("gpu",), 7_200.0)
    assert parse_definition(serialize_pipeline(definition)) == definition


def test_stages_of_other_kinds_are_written_without_the_keys_of_prefect() -> None:
    (written,) = serialize_pipeline(parse_definition(a_raw_definition()))["stages"]

    assert written.keys().isdisjoint({"deployment", "parameters", "on_cancel"})


def test_a_stage_needs_the_previous_one_by_default() -> None:
    definition = parse_definition(
        a_raw_definition([a_stage("a"), a_stage("b"), a_stage("c", needs=[]), a_stage("d", needs=["a", "b", "a"])])
    )

    assert [stage.needs for stage in definition.stages] == [(), ("a",), (), ("a", "b")]


def test_a_stage_can_need_a_later_one() -> None:
    definition = parse_definition(a_raw_definition([a_stage("a", needs=["b"]), a_stage("b", needs=[])]))

    assert definition.stages[0].needs == ("b",)


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "a" * 100])
def test_valid_names_are_accepted(name: str) -> None:
    assert parse_definition(a_raw_definition(name=name)).name == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from([NUL, SURROGATE, "a", 2**64, -1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def mostly_valid(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, JSON)


STAGE = st.fixed_dictionaries(
    {"name": mostly_valid(st.sampled_from("abc"))},
    optional={
        **dict.fromkeys(sorted(ALL_STAGE_KEYS - {"name"}), JSON),
        "kind": mostly_valid(st.sampled_from(list(StageKind))),
        "command": mostly_valid(st.just(["true"])),
        "deployment": mostly_valid(st.just("ml/train")),
        "parameters": mostly_valid(st.dictionaries(st.text(max_size=3), JSON, max_size=2)),
        "needs": mostly_valid(st.lists(st.sampled_from("abcd"), max_size=2)),
        "timeout": mostly_valid(st.floats(0.1, 10)),
        "env": mostly_valid(st.dictionaries(st.sampled_from(["A", "B", SURROGATE, "\0"]), st.text(max_size=3), max_size=2)),
        "x": JSON,
    },
)
PIPELINE = st.fixed_dictionaries(
    {"name": mostly_valid(st.just("n")), "stages": mostly_valid(st.lists(mostly_valid(STAGE), max_size=3))},
    optional={**dict.fromkeys(sorted(PIPELINE_KEYS - {"name", "stages"}), JSON), "parameters": st.dictionaries(st.text(max_size=3), JSON)},
)


@settings(deadline=None, max_examples=400)
@given(PIPELINE | JSON)
@example({SURROGATE: 1, "name": "n", "stages": [a_stage("a", needs=[SURROGATE])]})
def test_any_json_is_parsed_or_refused_with_a_message_that_can_be_stored(anything: Any) -> None:
    try:
        definition = parse_definition(anything)
    except InvalidInput as error:
        assert error.problems
        for problem in error.problems:
            assert find_text_problem(problem.field + problem.message, 10_000) is None
    else:
        written = serialize_pipeline(definition)
        assert "\\u0000" not in json.dumps(written, allow_nan=False).replace("\\\\", "")
        json.dumps(written, ensure_ascii=False).encode()
        assert parse_definition(written) == definition


def test_secrets_are_a_list_of_names_or_a_mapping_of_variables_to_names() -> None:
    definition = parse_definition(a_raw_definition([a_stage("a", secrets=["TOKEN"]), a_stage("b", secrets={"PGPASSWORD": "db"})]))

    assert [stage.secrets for stage in definition.stages] == [{"TOKEN": "TOKEN"}, {"PGPASSWORD": "db"}]
    assert parse_definition(serialize_pipeline(definition)) == definition


@pytest.mark.parametrize("secrets", ["A", [1], ["a b"], {"HEADGATE_TOKEN": "A"}, {"A": 1}, {"A": "a=b"}, {"TARGET": "A"}, ["x"] * 51])
def test_invalid_secrets_are_refused(secrets: object) -> None:
    refused = get_invalid_fields(
        with_stage_keys(secrets=secrets if secrets != ["x"] * 51 else [f"x{n}" for n in range(51)], env={"TARGET": "s3"})
    )

    assert all(field.startswith("stages[0].secrets") for field in refused)
    assert refused


@pytest.mark.parametrize(
    ("definition", "field", "message"),
    [
        (with_stage_keys(command=["sleep", 5]), "stages[0].command[1]", "is the number 5: put it in quotes"),
        (with_stage_keys(command=["sleep", 0.5]), "stages[0].command[1]", "is the number 0.5: put it in quotes"),
        (with_stage_keys(command=["echo", True]), "stages[0].command[1]", "is true (as YAML reads yes and on, too): put it in quotes"),
        (with_stage_keys(command=["echo", False]), "stages[0].command[1]", "is false (as YAML reads no and off, too): put it in quotes"),
        (with_stage_keys(command=["echo", None]), "stages[0].command[1]", "is null; write a text in quotes"),
        (with_stage_keys(command=["echo", ["a"]]), "stages[0].command[1]", "must be text, not a list"),
        (with_stage_keys(command=["echo", {}]), "stages[0].command[1]", "must be text, not an object"),
        (with_stage_keys(command=[7]), "stages[0].command[0]", "is the number 7: put it in quotes"),
        (with_stage_keys(env={"PORT": 8080}), "stages[0].env.PORT", "is the number 8080: put it in quotes"),
        (with_stage_keys(env={"EMPTY": None}), "stages[0].env.EMPTY", "is null; write a text in quotes"),
        (a_raw_definition(env={"DEBUG": True}), "env.DEBUG", "is true (as YAML reads yes and on, too): put it in quotes"),
        (with_stage_keys(name=7), "stages[0].name", "is the number 7: put it in quotes"),
        (with_stage_keys(needs=["a", 2]), "stages[0].needs[1]", "is the number 2: put it in quotes"),
        (with_stage_keys(workdir=7), "stages[0].workdir", "is the number 7: put it in quotes"),
        (with_stage_keys(secrets=["A", 1]), "stages[0].secrets[1]", "is the number 1: put it in quotes"),
        (with_stage_keys(secrets={"A": 1}), "stages[0].secrets.A", "is the number 1: put it in quotes"),
        (a_raw_definition(tags=["etl", 2024]), "tags[1]", "is the number 2024: put it in quotes"),
        (a_raw_definition(name=True), "name", "is true (as YAML reads yes and on, too): put it in quotes"),
        (a_raw_definition(pool=1), "pool", "is the number 1: put it in quotes"),
        (a_raw_definition(description=1.0), "description", "is the number 1.0: put it in quotes"),
        (a_raw_definition([{"name": "a", "callable": 5}]), "stages[0].callable", "is the number 5: put it in quotes"),
        (
            a_raw_definition([{"name": "a", "kind": "approval", "approvers": [1]}]),
            "stages[0].approvers[0]",
            "is the number 1: put it in quotes",
        ),
        (a_raw_definition([{"name": "a", "kind": "approval", "message": 1}]), "stages[0].message", "is the number 1: put it in quotes"),
    ],
)
def test_a_value_that_should_be_text_is_named(definition: object, field: str, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_definition(definition)

    assert (field, message) in [(problem.field, problem.message) for problem in error.value.problems]


@pytest.mark.parametrize("python", [3.12, 3, "3.12", "python3.12", "Python3"])
def test_a_version_is_no_interpreter(python: object) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_definition(with_interpreter(python))

    assert [problem.message for problem in error.value.problems] == [
        "must be a path of an interpreter or a virtual environment, such as .venv or /usr/bin/python3.12"
    ]


def test_a_stage_runs_in_its_own_interpreter_or_in_that_of_its_pipeline() -> None:
    own, none = {"name": "own", "callable": "m:f", "python": "/opt/own"}, {"name": "none", "callable": "m:f"}
    command = {"name": "shell", "command": ["true"]}

    definition = parse_definition(a_raw_definition([own, none, command], python=".venv"))

    assert [serialize_stage_to_run(definition, stage).get("python") for stage in definition.stages] == ["/opt/own", ".venv", None]
    assert "python" not in serialize_stage_to_run(definition, definition.stages[2])
    assert parse_definition(serialize_pipeline(definition)) == definition
    without = parse_definition(a_raw_definition([none, own | {"python": None}]))
    assert [serialize_stage_to_run(without, stage)["python"] for stage in without.stages] == [None, None]
