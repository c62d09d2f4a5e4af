from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from domain.schedules.definition import CatchUpPolicy, Expectation, OverlapPolicy, Recurrence, ScheduleDefinition
from domain.schedules.parsing import parse_schedule, restore_schedule
from domain.schedules.serialization import serialize_schedule
from tests.support.builders import a_stage

NIGHTLY = {"name": "nightly", "cron": "30 2 * * *"}
AT = {"name": "once", "at": "2026-12-24T18:00"}


def a_raw_definition(*schedules: Any, **keys: Any) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage("a")], "schedules": list(schedules), **keys}


def an_external_definition(*expectations: Any, **keys: Any) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage("a", "external")], "expect": list(expectations), **keys}


def parse_one(**keys: Any) -> ScheduleDefinition:
    return parse_definition(a_raw_definition({"name": "nightly", **keys})).schedules[0]


def get_problems(definition: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as error:
        parse_definition(definition)
    return [(problem.field, problem.message) for problem in error.value.problems]


def with_cron(cron: object) -> dict[str, Any]:
    return a_raw_definition(NIGHTLY, {"name": "b", "cron": cron})


def with_keys(**keys: Any) -> dict[str, Any]:
    return a_raw_definition(NIGHTLY, {"name": "b", "cron": "0 * * * *", **keys})


REFUSED = {
    "six fields": (with_cron("0 30 2 * * *"), "schedules[1].cron", "not six or seven: remove the seconds"),
    "seven fields": (with_cron("0 30 2 * * * 2026"), "schedules[1].cron", "not six or seven"),
    "four fields": (with_cron("30 2 * *"), "schedules[1].cron", "must have five fields"),
    "an empty expression": (with_cron(""), "schedules[1].cron", "must have five fields"),
    "@reboot": (with_cron("@reboot"), "schedules[1].cron", "trigger the pipeline through the API"),
    "@midnight": (with_cron("@midnight"), "schedules[1].cron", "write @daily instead"),
    "@Daily": (with_cron("@Daily"), "schedules[1].cron", "write @daily, in lower case"),
    "@every": (with_cron("@every 5m"), "schedules[1].cron", "one of @hourly, @daily"),
    "H": (with_cron("H 2 * * *"), "schedules[1].cron", "use jitter"),
    "H with a range": (with_cron("H(0-29)/10 * * * *"), "schedules[1].cron", "use jitter"),
    "?": (with_cron("0 2 ? * MON"), "schedules[1].cron", "write * instead"),
    "a zone in the expression": (with_cron("CRON_TZ=Europe/Berlin 30 2 * * *"), "schedules[1].cron", "key timezone"),
    "a step in a range of one value": (with_cron("5-5/2 * * * *"), "schedules[1].cron", "write 5"),
    "a line end": (with_cron("30 2 * * *\n"), "schedules[1].cron", "on one line"),
    "another script's digits": (with_cron("٣ 2 * * *"), "schedules[1].cron", "ASCII"),
    "a long expression": (with_cron("1," * 200 + "1 * * * *"), "schedules[1].cron", "at most 200 characters"),
    "a number": (with_cron(5), "schedules[1].cron", "put it in quotes"),
    "every second": (a_raw_definition({"name": "b", "every": "1s"}), "schedules[0].every", "at least 5 s"),
    "every 7.5 seconds": (a_raw_definition({"name": "b", "every": 7.5}), "schedules[0].every", "whole seconds"),
    "every two years": (a_raw_definition({"name": "b", "every": "730d"}), "schedules[0].every", "at most 366 days"),
    "an offset as long as the interval": (a_raw_definition({"name": "b", "every": "1m", "offset": 60}), "schedules[0].offset", "less than"),
    "an offset of cron": (with_keys(offset="5m"), "schedules[1].offset", "belongs to every"),
    "cron and every": (with_keys(every="5m"), "schedules[1].every", "cannot be combined with cron"),
    "every and at": (a_raw_definition({**AT, "every": "5m"}), "schedules[0].at", "cannot be combined with every"),
    "no time": (a_raw_definition({"name": "b"}), "schedules[0].cron", "exactly one of cron, every or at"),
    "an unknown zone": (with_keys(timezone="Europe/Berln"), "schedules[1].timezone", "did you mean Europe/Berlin?"),
    "a zone that is a folder": (with_keys(timezone="Europe"), "schedules[1].timezone", "there is no time zone Europe"),
    "a zone that leads elsewhere": (with_keys(timezone="../zones"), "schedules[1].timezone", "there is no time zone"),
    "an empty zone": (with_keys(timezone=""), "schedules[1].timezone", "there is no time zone"),
    "no zone": (with_keys(timezone=None), "schedules[1].timezone", "null"),
    "an at without a time": (a_raw_definition({"name": "b", "at": "2026-12-24"}), "schedules[0].at", "a date and a time"),
    "an at that does not exist": (a_raw_definition({"name": "b", "at": "2026-02-30T10:00"}), "schedules[0].at", "a date and a time"),
    "an at as a number": (a_raw_definition({"name": "b", "at": 1798133400}), "schedules[0].at", "a date and a time"),
    "an at with a start": (a_raw_definition({**AT, "start": "2026-12-01"}), "schedules[0].start", "has no effect"),
    "an at of the year 9999": (a_raw_definition({"name": "b", "at": "9999-12-31T23:59"}), "schedules[0].at", "a date and a time"),
    "an unknown start": (with_keys(start="tomorrow"), "schedules[1].start", "must be a date or a time"),
    "an end before the start": (with_keys(start="2026-12-02", end="2026-12-01"), "schedules[1].end", "must not be before start"),
    "skip as a text": (with_keys(skip="2026-12-25"), "schedules[1].skip", "a list"),
    "a skipped time": (with_keys(skip=["2026-12-24", "2026-12-25T00:00"]), "schedules[1].skip[1]", "must be a date"),
    "a long jitter": (with_keys(jitter="25h"), "schedules[1].jitter", "at most 24h"),
    "a jitter past the interval": (a_raw_definition({"name": "b", "every": 60, "jitter": "1m"}), "schedules[0].jitter", "less than every"),
    "a list of parameters": (with_keys(parameters=[]), "schedules[1].parameters", "must be an object"),
    "NaN as a parameter": (with_keys(parameters={"a": float("nan")}), "schedules[1].parameters.a", "finite"),
    "an unknown value of the tick": (with_keys(parameters={"a": [{"tick": "day"}]}), "schedules[1].parameters.a[0].tick", "date, datetime"),
    "an unknown offset of the tick": (
        with_keys(parameters={"a": {"tick": "date", "offset": "x"}}),
        "schedules[1].parameters.a.offset",
        "-1d",
    ),
    "an unknown catch_up": (with_keys(catch_up="some"), "schedules[1].catch_up", "none, latest, all"),
    "an unknown overlap": (with_keys(overlap="wait"), "schedules[1].overlap", "skip, queue_one"),
    "an unknown key": (with_keys(crom="*"), "schedules[1].crom", "unknown key"),
    "no name": (a_raw_definition({"cron": "0 * * * *"}), "schedules[0].name", "must begin with a letter"),
    "a repeated name": (a_raw_definition(NIGHTLY, NIGHTLY), "schedules[1].name", "another schedule has the name nightly"),
    "a text": (a_raw_definition("@daily"), "schedules[0]", "must be an object"),
    "an object": (a_raw_definition(schedules={"a": 1}), "schedules", "must be a list"),
    "21 schedules": (a_raw_definition(*[{**NIGHTLY, "name": f"s{n}"} for n in range(21)]), "schedules", "at most 20"),
    "schedules of external stages": (an_external_definition(expect=None, schedules=[NIGHTLY]), "schedules", "use expect"),
    "expectations of stages to start": (a_raw_definition(expect=[{"cron": "@daily"}]), "expect", "use schedules"),
    "an expected time": (an_external_definition({"at": "2026-12-24T18:00"}), "expect[0].at", "unknown key"),
    "an expected minute of 61 fields": (an_external_definition({"cron": "* * * * * *"}), "expect[0].cron", "five fields"),
    "no expected time": (an_external_definition({}), "expect[0].cron", "exactly one of cron or every"),
    "a duration of 0": (an_external_definition({"cron": "@daily", "max_duration": 0}), "expect[0].max_duration", "more than 0"),
    "21 expectations": (an_external_definition(*[{"cron": "@daily"}] * 21), "expect", "at most 20"),
}


@pytest.mark.parametrize(("definition", "field", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_schedule_is_refused_with_its_field_and_position(definition: object, field: str, message: str) -> None:
    first, *_ = problems = get_problems(definition)

    assert (first[0], message in first[1]) == (field, True), problems


def test_no_problem_of_a_stage_is_repeated_as_one_of_the_schedules() -> None:
    wrong = a_raw_definition(NIGHTLY, stages=[{"name": "a", "kind": "robot"}])

    assert [field for field, _ in get_problems(wrong)] == ["stages[0].kind"]


def test_a_schedule_has_defaults() -> None:
    assert parse_one(cron="30 2 * * *") == ScheduleDefinition("nightly", Recurrence(cron="30 2 * * *"))
    assert parse_one(every="15m", offset="5m").recurrence == Recurrence(every=900.0, offset=300.0)


def test_every_key_of_a_schedule_is_parsed() -> None:
    schedule = parse_one(
        cron="30  2 * * *",
        timezone="Europe/Berlin",
        start="2026-12-01",
        end="2026-12-31",
        skip=["2026-12-25", "2026-12-24", "2026-12-25"],
        jitter="2m",
        parameters={"region": "eu", "day": {"tick": "date", "offset": "-1d"}},
        catch_up="all",
        catch_up_window="6h",
        overlap="queue_one",
    )

    assert schedule == ScheduleDefinition(
        name="nightly",
        recurrence=Recurrence(cron="30 2 * * *", timezone="Europe/Berlin"),
        start=datetime(2026, 11, 30, 23, tzinfo=UTC),
        end=datetime(2026, 12, 31, 22, 59, 59, 999_999, tzinfo=UTC),
        skip=(date(2026, 12, 24), date(2026, 12, 25)),
        jitter=120.0,
        parameters={"region": "eu", "day": {"tick": "date", "offset": "-1d"}},
        catch_up=CatchUpPolicy.ALL,
        catch_up_window=21_600.0,
        overlap=OverlapPolicy.QUEUE_ONE,
    )


@pytest.mark.parametrize(
    ("written", "zone", "instant"),
    [
        ("2026-12-24T18:00", "Europe/Berlin", datetime(2026, 12, 24, 17, tzinfo=UTC)),
        ("2026-12-24 18:00:30", "Europe/Berlin", datetime(2026, 12, 24, 17, 0, 30, tzinfo=UTC)),
        ("2026-12-24T18:00Z", "Europe/Berlin", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24T18:00-05:00", "Europe/Berlin", datetime(2026, 12, 24, 23, tzinfo=UTC)),
        ("2026-03-29T02:30", "Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # skipped: the first instant after it
        ("2026-10-25T02:30", "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the first
    ],
)
def test_an_at_is_a_time_in_the_schedules_zone(written: str, zone: str, instant: datetime) -> None:
    assert parse_one(at=written, timezone=zone).recurrence.at == instant


def test_an_expectation_is_parsed() -> None:
    plain, whole = parse_definition(
        an_external_definition({"cron": "@daily"}, {"every": "1h", "offset": 60, "grace": "5m", "max_duration": "2h"})
    ).expect

    assert plain == Expectation(Recurrence(cron="@daily"))
    assert whole == Expectation(Recurrence(every=3_600.0, offset=60.0), 300.0, 7_200.0)


@pytest.mark.parametrize("keys", [{}, {"schedules": []}, {"schedules": None}, {"expect": []}, {"expect": None}])
@pytest.mark.parametrize("kind", ["command", "external"])
def test_no_schedules_are_the_same_as_an_empty_list(kind: str, keys: dict[str, Any]) -> None:
    definition = parse_definition({"name": "p", "stages": [a_stage("a", kind)], **keys})

    assert (definition.schedules, definition.expect) == ((), ())
    assert parse_definition(serialize_pipeline(definition)) == definition


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"])
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2500, 1, 1)).map(lambda time: time.isoformat(timespec="seconds"))
BOUNDS = TIMES | st.dates(date(1971, 1, 1), date(2500, 1, 1)).map(str)
RECURRENCES = st.one_of(
    st.fixed_dictionaries({"cron": st.sampled_from(["30 2 * * *", "@hourly", "*/5 8-18 * * MON-FRI", "0 0 L * *"])}),
    st.fixed_dictionaries({"every": st.integers(3_600, 86_400), "offset": st.integers(0, 3_599)}),
)
KEYS = st.fixed_dictionaries(
    {"name": st.just("a"), "timezone": ZONES},
    optional={
        "start": BOUNDS,
        "skip": st.lists(st.dates(date(1971, 1, 1), date(2500, 1, 1)).map(str), max_size=3),
        "jitter": st.integers(0, 3_599),
        "parameters": st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 9) | st.just({"tick": "date"})),
        "catch_up": st.sampled_from(list(CatchUpPolicy)),
        "catch_up_window": st.sampled_from(["1h", 0, 86_400.0]),
        "overlap": st.sampled_from(list(OverlapPolicy)),
    },
)
ONCE = st.fixed_dictionaries({"name": st.just("a"), "timezone": ZONES, "at": TIMES})


@settings(deadline=None, max_examples=300)
@given(ONCE | st.builds(lambda keys, recurrence: {**keys, **recurrence}, KEYS, RECURRENCES))
def test_a_serialized_schedule_is_parsed_as_an_equal_one(raw: dict[str, Any]) -> None:
    schedule = parse_schedule(raw)

    assert parse_schedule(serialize_schedule(schedule)) == schedule


@settings(deadline=None)
@given(ZONES, st.dates(date(1971, 1, 1), date(2500, 1, 1)))
def test_a_date_stays_a_date(zone: str, day: date) -> None:
    written = serialize_schedule(parse_schedule({**NIGHTLY, "timezone": zone, "start": str(day), "end": str(day)}))

    assert (written["start"], written["end"]) == (str(day), str(day))


@settings(deadline=None)
@given(ZONES, st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)).map(lambda time: time.replace(microsecond=0, tzinfo=UTC)))
def test_any_instant_keeps_its_place_when_it_is_written_in_local_time(zone: str, instant: datetime) -> None:
    schedule = ScheduleDefinition("a", Recurrence(at=instant, timezone=zone))

    assert parse_schedule(serialize_schedule(schedule)) == schedule


def test_a_stored_schedule_is_restored_even_if_it_would_be_refused_today() -> None:
    stored = serialize_schedule(parse_one(cron="30 2 * * *", timezone="Europe/Berlin", jitter="2m"))

    assert restore_schedule({**stored, "timezone": "Europe/Gone", "jitter": -1, "later": 1}) == ScheduleDefinition(
        "nightly", Recurrence(cron="30 2 * * *")
    )
    assert restore_schedule(stored) == parse_schedule(stored)


def test_a_definition_stored_by_an_older_version_equals_one_without_schedules() -> None:
    written = serialize_pipeline(parse_definition(a_raw_definition()))
    older = {key: value for key, value in written.items() if key not in ("schedules", "expect")}

    assert parse_definition(older) == parse_definition(written)
    assert isinstance(parse_definition(older), PipelineDefinition)
