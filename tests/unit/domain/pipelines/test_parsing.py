import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.pipelines.definition import PipelineDefinition, StageCondition, StageDefinition, StageKind
from domain.pipelines.field_parser import ALL_STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS, parse_definition
from domain.pipelines.serialization import serialize_pipeline
from domain.text_validation import find_text_problem
from tests.support.builders import a_stage

NUL = "a\0b"
SURROGATE = "\ud800"
SHELL = {"shell": True}
CIRCLE = [a_stage("a", needs=["c"]), a_stage("b", needs=["a"]), a_stage("c", needs=["b"])]


def raw(stages: Any = None, **keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "stages": [a_stage("a")] if stages is None else stages, **keys}


def with_stage(**keys: Any) -> dict[str, Any]:
    return raw([{**a_stage("a"), **keys}])


def fields(definition: object) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        parse_definition(definition)
    return [problem.field for problem in refused.value.problems]


BAD = {
    "not an object": ([], ""),
    "nothing": (None, ""),
    "no name": ({"stages": [a_stage()]}, "name"),
    "a name with spaces": (raw(name="my pipeline"), "name"),
    "a name of 10,000 characters": (raw(name="a" * 10_000), "name"),
    "a name of 101 characters": (raw(name="a" * 101), "name"),
    "a name that begins with a digit": (raw(name="1st"), "name"),
    "a name with a line end": (raw(name="nightly\n"), "name"),
    "a name with an umlaut": (raw(name="nächtlich"), "name"),
    "a number for a name": (raw(name=7), "name"),
    "NUL in the description": (raw(description=NUL), "description"),
    "half a surrogate pair in the description": (raw(description=SURROGATE), "description"),
    "a long description": (raw(description="x" * 2_001), "description"),
    "no parallelism": (raw(parallelism=0), "parallelism"),
    "half a parallelism": (raw(parallelism=1.5), "parallelism"),
    "true for a number": (raw(parallelism=True), "parallelism"),
    "an integer past 64 bits": (raw(parallelism=2**64), "parallelism"),
    "a pool with a slash": (raw(pool="a/b"), "pool"),
    "a list of parameters": (raw(parameters=[]), "parameters"),
    "NUL in the parameters": (raw(parameters={"title": NUL}), "parameters.title"),
    "half a surrogate pair in a parameter's name": (raw(parameters={"properties": {SURROGATE: {}}}), "parameters.properties"),
    "NaN in the parameters": (raw(parameters={"properties": {"a": {"default": float("nan")}}}), "parameters.properties.a.default"),
    "an integer past 64 bits in the parameters": (raw(parameters={"x": [0, 2**63]}), "parameters.x[1]"),
    "a date in the parameters": (raw(parameters={"x": object()}), "parameters.x"),
    "an unknown key": (raw(stagse=[]), "stagse"),
    "no stages": (raw([]), "stages"),
    "stages as an object": (raw({"a": {}}), "stages"),
    "too many stages": (raw([a_stage(f"s{n}") for n in range(501)]), "stages"),
    "a stage that is a text": (raw(["a"]), "stages[0]"),
    "two stages of one name": (raw([a_stage("a"), a_stage("a")]), "stages[1].name"),
    "a stage's name with spaces": (raw([a_stage("a"), a_stage("b c")]), "stages[1].name"),
    "a cycle": (raw(CIRCLE), "stages"),
    "a stage that needs itself": (raw([a_stage("a", needs=["a"])]), "stages"),
    "an unknown need": (raw([a_stage("a"), a_stage("b", needs=["nobody"])]), "stages[1].needs"),
    "a need that is a number": (raw([a_stage("a"), a_stage("b", needs=[1])]), "stages[1].needs"),
    "needs as a text": (raw([a_stage("a"), a_stage("b", needs="a")]), "stages[1].needs"),
    "a timeout of -1": (with_stage(timeout=-1), "stages[0].timeout"),
    "a timeout of 0": (with_stage(timeout=0), "stages[0].timeout"),
    "a timeout of NaN": (with_stage(timeout=float("nan")), "stages[0].timeout"),
    "a timeout without end": (with_stage(timeout=float("inf")), "stages[0].timeout"),
    "a timeout past 64 bits": (with_stage(timeout=2**64), "stages[0].timeout"),
    "a timeout as a text": (with_stage(timeout="60"), "stages[0].timeout"),
    "a retry delay of -1": (with_stage(retry_delay=-1), "stages[0].retry_delay"),
    "retries of -1": (with_stage(retries=-1), "stages[0].retries"),
    "retries of 1.5": (with_stage(retries=1.5), "stages[0].retries"),
    "yes for a flag": (with_stage(allow_failure="yes"), "stages[0].allow_failure"),
    "an unknown stage key": (with_stage(comand=["true"]), "stages[0].comand"),
    "no kind": (raw([{"name": "a"}]), "stages[0].kind"),
    "a kind that is not built": (raw([{"name": "a", "kind": "prefect"}]), "stages[0].kind"),
    "a list for a kind": (raw([{"name": "a", "kind": ["command"]}]), "stages[0].kind"),
    "an unknown when": (with_stage(when="never"), "stages[0].when"),
    "a command without shell as a text": (with_stage(command="echo hi"), "stages[0].command"),
    "an empty command": (with_stage(command=[]), "stages[0].command"),
    "a command with no program": (with_stage(command=["", "x"]), "stages[0].command"),
    "a command with a number": (with_stage(command=["sleep", 1]), "stages[0].command"),
    "a command with NUL": (with_stage(command=["echo", NUL]), "stages[0].command"),
    "a shell command as a list": (with_stage(**SHELL), "stages[0].command"),
    "an empty shell command": (with_stage(**SHELL, command=""), "stages[0].command"),
    "a callable without a function": (raw([{"name": "a", "callable": "jobs.main"}]), "stages[0].callable"),
    "a callable with a space": (raw([{"name": "a", "callable": "jobs:main ()"}]), "stages[0].callable"),
    "no callable": (raw([{"name": "a", "kind": "python"}]), "stages[0].callable"),
    "a command and a callable": (with_stage(callable="jobs:main"), "stages[0].callable"),
    "an external stage with retries": (raw([{"name": "a", "kind": "external", "retries": 1}]), "stages[0].retries"),
    "an external stage with a command": (raw([{"name": "a", "kind": "external", "command": ["true"]}]), "stages[0].command"),
    "an environment as a list": (with_stage(env=["A=1"]), "stages[0].env"),
    "an environment with a number": (with_stage(env={"A": 1}), "stages[0].env.A"),
    "an environment with NUL": (with_stage(env={"A": NUL}), "stages[0].env.A"),
    "an environment name with =": (with_stage(env={"A=B": "1"}), "stages[0].env"),
    "an environment name of ours": (with_stage(env={"HEADGATE_TOKEN": "x"}), "stages[0].env"),
    "a workdir with NUL": (with_stage(workdir=NUL), "stages[0].workdir"),
}


@pytest.mark.parametrize(("definition", "field"), BAD.values(), ids=BAD.keys())
def test_invalid_input_is_refused_with_the_name_of_its_field(definition: object, field: str) -> None:
    assert fields(definition) == [field]


def test_all_problems_are_reported_at_once() -> None:
    wrong = raw([{"name": "a b", "kind": "command", "command": ["true"], "timeout": -1}, a_stage("c", needs=["nobody"])], name="", pool=7)

    assert fields(wrong) == ["name", "pool", "stages[0].name", "stages[0].timeout", "stages[1].needs"]


def test_the_message_about_a_cycle_lists_its_stages() -> None:
    with pytest.raises(InvalidInput, match="a → c → b → a"):
        parse_definition(raw(CIRCLE))


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


def test_a_stage_needs_the_previous_one_by_default() -> None:
    definition = parse_definition(raw([a_stage("a"), a_stage("b"), a_stage("c", needs=[]), a_stage("d", needs=["a", "b", "a"])]))

    assert [stage.needs for stage in definition.stages] == [(), ("a",), (), ("a", "b")]


def test_a_stage_can_need_a_later_one() -> None:
    definition = parse_definition(raw([a_stage("a", needs=["b"]), a_stage("b", needs=[])]))

    assert definition.stages[0].needs == ("b",)


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "a" * 100])
def test_valid_names_are_accepted(name: str) -> None:
    assert parse_definition(raw(name=name)).name == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from([NUL, SURROGATE, "a", 2**64, -1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, JSON)


STAGE = st.fixed_dictionaries(
    {"name": mostly(st.sampled_from("abc"))},
    optional={
        **dict.fromkeys(sorted(ALL_STAGE_KEYS - {"name"}), JSON),
        "kind": mostly(st.sampled_from(list(StageKind))),
        "command": mostly(st.just(["true"])),
        "needs": mostly(st.lists(st.sampled_from("abcd"), max_size=2)),
        "timeout": mostly(st.floats(0.1, 10)),
        "env": mostly(st.dictionaries(st.sampled_from(["A", "B", SURROGATE, "\0"]), st.text(max_size=3), max_size=2)),
        "x": JSON,
    },
)
PIPELINE = st.fixed_dictionaries(
    {"name": mostly(st.just("n")), "stages": mostly(st.lists(mostly(STAGE), max_size=3))},
    optional={**dict.fromkeys(sorted(PIPELINE_KEYS - {"name", "stages"}), JSON), "parameters": st.dictionaries(st.text(max_size=3), JSON)},
)


@settings(deadline=None, max_examples=400)
@given(PIPELINE | JSON)
@example({SURROGATE: 1, "name": "n", "stages": [a_stage("a", needs=[SURROGATE])]})
def test_any_json_is_parsed_or_refused_with_a_message_that_can_be_stored(anything: Any) -> None:
    try:
        definition = parse_definition(anything)
    except InvalidInput as refused:
        assert refused.problems
        for problem in refused.problems:
            assert find_text_problem(problem.field + problem.message, 10_000) is None
    else:
        written = serialize_pipeline(definition)
        assert "\\u0000" not in json.dumps(written, allow_nan=False).replace("\\\\", "")
        json.dumps(written, ensure_ascii=False).encode()
        assert parse_definition(written) == definition


def test_secrets_are_a_list_of_names_or_a_mapping_of_variables_to_names() -> None:
    definition = parse_definition(raw([a_stage("a", secrets=["TOKEN"]), a_stage("b", secrets={"PGPASSWORD": "db"})]))

    assert [stage.secrets for stage in definition.stages] == [{"TOKEN": "TOKEN"}, {"PGPASSWORD": "db"}]
    assert parse_definition(serialize_pipeline(definition)) == definition


@pytest.mark.parametrize("secrets", ["A", [1], ["a b"], {"HEADGATE_TOKEN": "A"}, {"A": 1}, {"A": "a=b"}, {"TARGET": "A"}, ["x"] * 51])
def test_invalid_secrets_are_refused(secrets: object) -> None:
    refused = fields(with_stage(secrets=secrets if secrets != ["x"] * 51 else [f"x{n}" for n in range(51)], env={"TARGET": "s3"}))

    assert all(field.startswith("stages[0].secrets") for field in refused)
    assert refused
