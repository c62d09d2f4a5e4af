"""The dashboard, monitors and SLO are valid for Datadog's API, and use only metrics that Headgate sends."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.service_level_objective_request import ServiceLevelObjectiveRequest

from application.observability.metrics import NAMESPACE, TAGS, Metric
from domain.runs.status import Status
from tests.support.datadog_models import problems_of

HOME = Path(__file__).parents[4] / "docker/datadog"
MODELS = {"dashboard.json": Dashboard, "slo.json": ServiceLevelObjectiveRequest}
FILES = sorted(HOME.rglob("*.json"))
EVERYWHERE = {"env", "service", "version"}
QUERY = re.compile(
    rf"(?P<aggregator>\w+):{NAMESPACE}\.(?P<metric>[a-z_.]+)\{{(?P<filter>[^}}]*)\}}(?: by \{{(?P<groups>[^}}]*)\}})?(?P<rest>[.\w()]*)"
)
DISTRIBUTIONS = re.compile(r"p\d\d|avg|max|min|sum|count")


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def find_texts(value: Any) -> Iterator[str]:
    """Yield every string in the document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from find_texts(item)


def queries() -> list[tuple[str, re.Match[str]]]:
    return [(path.name, found) for path in FILES for text in find_texts(read(path)) for found in QUERY.finditer(text)]


def test_there_is_a_dashboard_an_slo_and_six_monitors() -> None:
    monitors = {path.stem for path in FILES if path.parent.name == "monitors"}

    assert {path.name for path in FILES} >= set(MODELS)
    assert monitors == {"failed_runs", "slow_stage", "no_runs", "stuck_outbox", "stuck_deliveries", "error_budget"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_datadog_accepts_it(path: Path) -> None:
    assert problems_of(read(path), MODELS.get(path.name, Monitor)) == []


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda board: board.update(layout="ordered"),
        lambda board: board.update(layout_type="orderly"),
        lambda board: board["widgets"][1]["definition"]["widgets"][0]["definition"].update(titel="x"),
        lambda board: board["widgets"][1]["definition"]["widgets"][0]["definition"]["requests"][0].update(display_type="lines"),
        lambda board: board["widgets"][1]["definition"]["widgets"][0]["definition"]["requests"][0]["queries"][0].pop("query"),
    ],
    ids=["unknown key", "unknown word", "unknown key deep inside", "unknown word deep inside", "missing key deep inside"],
)
def test_the_check_finds_what_datadog_would_reject(corrupt: Any) -> None:
    board = copy.deepcopy(read(HOME / "dashboard.json"))
    corrupt(board)

    assert problems_of(board, Dashboard) != []


def test_every_metric_name_is_part_of_a_parsed_query() -> None:
    named = sum(text.count(f":{NAMESPACE}.") for path in FILES for text in find_texts(read(path)))

    assert named == len(queries()) > 30


def test_every_metric_they_use_exists_and_every_metric_is_used() -> None:
    assert {found["metric"] for _, found in queries()} == {metric.value for metric in Metric}


def test_queries_use_only_tags_that_the_metric_has() -> None:
    unknown = []
    for name, found in queries():
        used = re.findall(r"\$?(\w+)(?= IN \(|:)|\$(\w+)", found["filter"])
        tags = {first or second for first, second in used} | set(filter(None, (found["groups"] or "").split(",")))
        for tag in tags - EVERYWHERE - set(TAGS[Metric(found["metric"])]):
            unknown.append(f"{name}: {found['metric']} has no tag {tag}")

    assert unknown == []


def test_statuses_in_queries_exist() -> None:
    asked = {word for _, found in queries() for word in re.findall(r"status:(\w+)", found["filter"])}
    asked |= {
        word for _, found in queries() for group in re.findall(r"status IN \(([^)]*)\)", found["filter"]) for word in group.split(",")
    }

    assert {"failed", "lost", "completed"} <= asked <= {status.value for status in Status}


def test_queries_use_all_template_variables() -> None:
    board = read(HOME / "dashboard.json")
    used = {name for text in find_texts(board) for name in re.findall(r"\$(\w+)", text)}

    assert used == {variable["name"] for variable in board["template_variables"]}


def test_only_counts_are_queried_as_counts() -> None:
    ends = (".count", ".errors", ".opened", ".finished", ".created", ".failed")
    counts = {metric.value for metric in Metric if metric.value.endswith(ends)} - {"worker.count"}

    for name, found in queries():
        as_count = found["rest"].startswith((".as_count()", ".as_rate()"))
        assert as_count == (found["metric"] in counts), f"{name}: {found[0]}"


def test_only_durations_have_percentiles() -> None:
    times = (".duration", ".latency", "_latency", "_wait", ".lag")

    for name, found in queries():
        if found["aggregator"].startswith("p"):
            assert found["metric"].endswith(times), f"{name}: {found[0]}"


def test_a_threshold_equals_the_one_in_its_query() -> None:
    for path in sorted((HOME / "monitors").iterdir()):
        monitor = read(path)
        limit = re.search(r"[<>]=? (-?[\d.]+)$", monitor["query"])
        assert limit is not None, path.name
        assert float(limit[1]) == monitor["options"]["thresholds"]["critical"], path.name


def test_assets_that_need_the_slo_refer_to_it() -> None:
    """`apply.py` inserts the id, which is known only after Datadog has created the SLO."""
    referring = {path.name for path in FILES if any("SLO_ID" in text for text in find_texts(read(path)))}

    assert referring == {"dashboard.json", "error_budget.json"}
