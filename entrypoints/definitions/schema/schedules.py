"""JSON Schema of the schedules and expectations of a definition."""

from domain.pipelines.durations import format_duration
from domain.schedules.cron_syntax import ALIASES, MAX_CRON_LENGTH
from domain.schedules.definition import DEFAULT_CATCH_UP_WINDOW, DEFAULT_GRACE, DEFAULT_ZONE, CatchUpPolicy, OverlapPolicy
from domain.schedules.local_times import DATE, TIME
from domain.schedules.parsing import MAX_JITTER, MAX_SCHEDULES, MAX_SKIPPED
from domain.schedules.recurrence_parsing import MIN_INTERVAL
from domain.schedules.zones import MAX_ZONE_LENGTH
from entrypoints.definitions.schema.values import Schema, build_duration, build_name, is_set, or_null

_YEAR = "(?=19[7-9]|2)"
_CRON_FIELD = "[!->@-~]+"
_CRON = rf"^(?:{'|'.join(ALIASES)}|[ \t]*{_CRON_FIELD}(?:[ \t]+{_CRON_FIELD}){{4}}[ \t]*)$"
_DAY: Schema = {"type": "string", "pattern": f"^{_YEAR}{DATE.pattern}$"}
_DAY_OR_TIME: Schema = {"type": "string", "pattern": f"^{_YEAR}(?:{DATE.pattern}|{TIME.pattern})$"}
_ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}

_RECURRENCE: Schema = {
    "cron": or_null(
        {"type": "string", "maxLength": MAX_CRON_LENGTH, "pattern": _CRON},
        "Five fields: minute, hour, day of the month, month, day of the week; or " + ", ".join(f"`{alias}`" for alias in ALIASES) + ".",
        examples=["30 2 * * *", "0 9 * * MON-FRI", "@hourly"],
    ),
    "every": or_null(
        build_duration("", "at least 5s", whole=True, minimum=MIN_INTERVAL),
        "An interval of whole seconds, at least `5s`, counted from 1970-01-01 00:00 UTC.",
        examples=["15m"],
    ),
    "offset": or_null(
        build_duration("", whole=True, minimum=0),
        "How much later than the multiples of `every` its ticks are.",
        default="0s",
        examples=["5m"],
    ),
    "timezone": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ZONE_LENGTH,
        "default": DEFAULT_ZONE,
        "description": "The zone of all times of the schedule.",
        "examples": ["Europe/Berlin"],
    },
}

SCHEDULE: Schema = {
    "type": "object",
    "required": ["name"],
    "oneOf": [is_set(key) for key in ("cron", "every", "at")],
    "additionalProperties": False,
    "properties": {
        "name": build_name("A name like that of a pipeline, unique within the pipeline. A renamed schedule is a new one.", ["nightly"]),
        **{key: _RECURRENCE[key] for key in ("cron", "every", "offset")},
        "at": or_null(
            {"type": "string", "pattern": f"^{_YEAR}{TIME.pattern}$"},
            "One time, in the future when it is stored for the first time.",
            examples=["2026-12-24T18:00"],
        ),
        "timezone": _RECURRENCE["timezone"],
        "start": or_null(_DAY_OR_TIME, "The first date or time.", examples=["2026-12-01"]),
        "end": or_null(_DAY_OR_TIME, "The last date or time. A date is included whole.", examples=["2026-12-31"]),
        "skip": or_null(
            {"type": "array", "maxItems": MAX_SKIPPED, "items": _DAY}, "Dates on which it does not fire.", examples=[["2026-12-25"]]
        ),
        "jitter": build_duration(
            "Each tick is delayed by less than this, by the same time in every process. "
            f"It is less than the time between two ticks, and at most `{format_duration(MAX_JITTER)}`.",
            examples=["5m"],
            minimum=0,
            maximum=MAX_JITTER,
            default="0s",
        ),
        "parameters": or_null(
            _ANY_OBJECT,
            "The parameters of its runs. `{tick: date, offset: -1d}` stands for a value of the tick: `date`, `datetime` or `timestamp`.",
            examples=[{"day": {"tick": "date", "offset": "-1d"}}],
        ),
        "catch_up": {
            "type": "string",
            "enum": [policy.value for policy in CatchUpPolicy],
            "default": CatchUpPolicy.LATEST.value,
            "description": "Which ticks run late after Headgate could not fire them.",
        },
        "catch_up_window": build_duration(
            "Ticks that were missed longer ago than this never run.", minimum=0, default=format_duration(DEFAULT_CATCH_UP_WINDOW)
        ),
        "overlap": {
            "type": "string",
            "enum": [policy.value for policy in OverlapPolicy],
            "default": OverlapPolicy.SKIP.value,
            "description": "What a tick does while the schedule's last run is not over.",
        },
    },
}
SCHEDULE_RULES: list[Schema] = [
    {
        "if": is_set("at"),
        "then": {
            "properties": {"start": {"type": "null"}, "end": {"type": "null"}, "skip": {"anyOf": [{"type": "null"}, {"maxItems": 0}]}}
        },
    },
]
RECURRENCE_RULES: list[Schema] = [{"if": is_set("offset"), "then": is_set("every")}]

EXPECTATION: Schema = {
    "type": "object",
    "oneOf": [is_set(key) for key in ("cron", "every")],
    "additionalProperties": False,
    "properties": {
        **_RECURRENCE,
        "grace": build_duration("How late a run may start.", minimum=0, default=format_duration(DEFAULT_GRACE)),
        "max_duration": or_null(
            build_duration("", "more than 0", exclusiveMinimum=0),
            "A run that takes longer is overrun; no limit if omitted. The time in which it waits only for people does not count.",
            examples=["2h"],
        ),
    },
}
SCHEDULES = or_null(
    {"type": "array", "maxItems": MAX_SCHEDULES, "items": SCHEDULE},
    f"Up to {MAX_SCHEDULES} schedules by which the pipeline runs automatically; not if all stages are external.",
    examples=[[{"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}]],
)
EXPECT = or_null(
    {"type": "array", "maxItems": MAX_SCHEDULES, "items": EXPECTATION},
    f"Up to {MAX_SCHEDULES} expectations of when other machines run it; only if all stages are external.",
    examples=[[{"cron": "0 6 * * *", "grace": "30m"}]],
)
