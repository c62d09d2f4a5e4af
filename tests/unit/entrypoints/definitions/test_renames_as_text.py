"""A rename is one change of a revision, and not something added and something removed."""

from typing import Any

from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.revision_diff import diff_revisions
from tests.support.builders import a_stage


def a_revision(load: str = "load", schedule: str = "nightly", rule: str = "failures", name: str = "etl", **keys: Any) -> dict[str, Any]:
    stages = [a_stage("extract"), a_stage(load, command=["load.py"], needs=["extract"], **keys), a_stage("publish", needs=[load])]
    alerts = [{"name": rule, "on": ["failed"], "to": ["mail"]}]
    schedules = [{"name": schedule, "cron": "0 3 * * *"}]
    return serialize_pipeline(parse_definition({"name": name, "stages": stages, "schedules": schedules, "alerts": alerts}))


def test_renames_are_called_renames() -> None:
    assert diff_revisions(a_revision(), a_revision("import")) == ["renamed stage load to import"]
    assert diff_revisions(a_revision(), a_revision(schedule="early")) == ["renamed schedule nightly to early"]
    assert diff_revisions(a_revision(), a_revision(rule="on-call")) == ["renamed alert rule failures to on-call"]
    assert diff_revisions(a_revision(), a_revision(name="sales")) == ["renamed etl to sales"]


def test_a_renamed_stage_may_have_changed_too() -> None:
    changes = diff_revisions(a_revision(), a_revision("import", retries=2))

    assert changes == ["renamed stage load to import", "changed stage import (retries 0 → 2)"]
