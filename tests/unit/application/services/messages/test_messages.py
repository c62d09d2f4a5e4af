"""What people read: messages about runs of an example pipeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from application.ports.delivery.outgoing_message import OutgoingMessage
from application.services.messages import message_composer
from domain.alerts.incident import Incident, Resolution
from domain.alerts.message import MessageKind, Transition
from domain.alerts.rule import AlertEvent
from domain.runs.status import Status
from tests.support.deliveries import AlertWorld, a_rule
from tests.support.run_stories import AttemptStory, RunStories

ERROR = (
    'UniqueViolation: duplicate key value violates unique constraint "fact_orders_pkey"\nDETAIL: <b>Key</b> exists. password=hunter2\x1b[0m'
)
SUMMARY = "failed at fact-orders: UniqueViolation"
STAGES = ("extract", "fact-orders")


class Story(AlertWorld):
    """The pipeline nightly-warehouse, which has completed once and then fails."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = RunStories(self.fakes)

    async def start(self, error: str = ERROR, **keys: Any) -> Story:
        await self.add_channels("team", "pager")
        self.pipeline = await self.runs.add_pipeline("nightly-warehouse", [{"name": name, "command": ["true"]} for name in STAGES])
        self.good = await self.play(self.now - timedelta(days=1), month=3)
        self.bad = await self.fail(error)
        return self

    async def play(self, begin: Any, **parameters: Any) -> int:
        return await self.runs.play_run(self.pipeline, begin, {"extract": [AttemptStory(60, records=12_000)]}, **parameters)

    async def fail(self, error: str = ERROR) -> int:
        attempts = {
            "extract": [AttemptStory(132, records=0)],
            "fact-orders": [AttemptStory(10, Status.FAILED, error=error)],
        }
        run_id = await self.runs.play_run(self.pipeline, self.now - timedelta(minutes=3), attempts, month=4)
        await self.runs.append_log(run_id, "fact-orders", ["begin", f"!{error[:100].splitlines()[0]}"])
        return run_id

    async def report(self, rule: Any = None, **fields: Any) -> Incident:
        given = {"summary": SUMMARY, "first_run_id": self.bad, "last_run_id": self.bad} | fields
        incident = await self.open_incident(rule, pipeline_id=self.pipeline.id, **given)
        await self.send()
        return incident

    async def notify(self, event: AlertEvent, run_id: int) -> OutgoingMessage:
        transition = Transition(None, MessageKind.NOTICE, a_rule(), self.pipeline.id, run_id, self.now, event)
        async with self.fakes.open_unit_of_work() as work:
            await self.planner.plan(work, [transition], self.now)
            await work.commit()
        await self.send()
        return self.last()

    def last(self, channel: str = "team") -> OutgoingMessage:
        return self.sender.sent[channel][-1]


async def test_a_failure_says_what_broke_what_changed_and_how_often() -> None:
    story = await Story().start()

    await story.report()

    message = story.last()
    assert message.subject == "nightly-warehouse#2 failed at fact-orders: UniqueViolation"
    assert message.text == (
        "nightly-warehouse#2 failed at stage fact-orders on 2 Mar 2026 08:59 UTC, after 2 min 22 s.\n\n"
        '    UniqueViolation: duplicate key value violates unique constraint "fact_orders_pkey"\n'
        "    DETAIL: <b>Key</b> exists. password=********\n\n"
        "Changes since the last completed run, #1:\n"
        "- Parameter month: 3 → 4\n"
        "- Records in extract: 12,000 → 0\n"
        "- extract took 2 min 12 s instead of 1 min\n\n"
        "This error has not been seen before."
    )
    assert [link.label for link in message.links] == [
        "nightly-warehouse#2",
        "Log line 2",
        "Compare with nightly-warehouse#1",
        "Incident",
        "Acknowledge",
        "Retry nightly-warehouse#2",
    ]
    assert message.links[1].url == "https://headgate.test/ui/runs/2?stage=fact-orders&attempt=1&line=2#L2"
    assert message.data["run"]["error"] == 'UniqueViolation: duplicate key value violates unique constraint "fact_orders_pkey"'
    assert message.data["pipeline"]["name"] == "nightly-warehouse"


async def test_a_repeated_failure_says_how_often_it_was_seen() -> None:
    story = await Story().start()
    story.clock.advance(600)
    story.bad = await story.fail()

    await story.report()

    assert story.last().text.endswith(
        "This error was seen 2 times in the last 100 runs; it first occurred in run #2, on 2 Mar 2026 08:59 UTC."
    )


async def test_a_failure_like_the_last_run_says_that_nothing_changed() -> None:
    story = await Story().start()
    story.bad = await story.runs.play_run(
        story.pipeline,
        story.now,
        {"extract": [AttemptStory(60, records=12_000)], "fact-orders": [AttemptStory(10, Status.FAILED)]},
        month=3,
    )

    await story.report()

    assert "It failed without an error message." in story.last().text
    assert "Revision, parameters and record counts are the same as in the last completed run, #1." in story.last().text


async def test_a_first_run_that_fails_says_so() -> None:
    story = await Story().start()
    story.pipeline = await story.runs.add_pipeline("new", [{"name": name, "command": ["true"]} for name in STAGES])
    story.bad = await story.fail()

    await story.report()

    assert "No earlier run of this pipeline has completed." in story.last().text


async def test_the_end_says_how_long_it_lasted() -> None:
    story = await Story().start()
    incident = await story.report(repeats=0)
    story.clock.advance(3 * 3_600 + 12 * 60)
    good = await story.play(story.now - timedelta(minutes=5))

    await story.change(incident, last_run_id=good, repeats=2)
    await story.resolve(incident)
    await story.send()

    message = story.last()
    assert message.subject == "nightly-warehouse recovered with nightly-warehouse#3, after 3 h 12 min"
    assert "The incident was open for 3 h 12 min, from 2 Mar 2026 09:00 UTC to 2 Mar 2026 12:12 UTC." in message.text
    assert "After the first run, 2 more runs did not complete." in message.text


async def test_an_incident_that_a_person_resolves_names_the_person() -> None:
    story = await Story().start()
    incident = await story.report()

    await story.resolve(incident, resolution=Resolution.RESOLVED, actor="ada")
    await story.send()

    assert story.last().subject == "nightly-warehouse: resolved by ada, after 0 s"


@pytest.mark.parametrize(
    ("event", "summary", "subject", "sentence"),
    [
        (
            AlertEvent.MISSED,
            "did not start for 2026-03-02 02:00 UTC",
            "nightly-warehouse did not start for 2026-03-02 02:00 UTC",
            "nightly-warehouse did not start for 2026-03-02 02:00 UTC. Headgate expected a run then.",
        ),
        (
            AlertEvent.LATE,
            "started late: it was due at 2026-03-02 02:00 UTC",
            "nightly-warehouse#2 started late: it was due at 2026-03-02 02:00 UTC",
            "nightly-warehouse#2 started late: it was due at 2026-03-02 02:00 UTC.",
        ),
        (
            AlertEvent.OVERRUN,
            "takes longer than 2 h",
            "nightly-warehouse#2 takes longer than 2 h",
            "nightly-warehouse#2 takes longer",
        ),
        (
            AlertEvent.WAITING,
            "waits for an approval at publish",
            "nightly-warehouse#2 waits for an approval at publish",
            "nightly-warehouse#2 waits for an approval at publish.",
        ),
    ],
)
async def test_every_event_has_sentences_of_its_own(event: AlertEvent, summary: str, subject: str, sentence: str) -> None:
    story = await Story().start()
    runs: dict[str, Any] = {"last_run_id": None, "first_run_id": None} if event is AlertEvent.MISSED else {}

    await story.report(event=event, summary=summary, **runs)

    assert story.last().subject == subject
    assert story.last().text.startswith(sentence)
    assert "Retry" not in " ".join(link.label for link in story.last().links)


async def test_unstable_runs_are_listed() -> None:
    story = await Story().start()
    incident = await story.report()
    unstable = replace(story.incidents()[0], unstable=True)
    async with story.fakes.open_unit_of_work() as work:
        transition = Transition(unstable, MessageKind.UNSTABLE, a_rule(), story.pipeline.id, story.bad, story.now)
        await story.planner.plan(work, [transition], story.now)
        await work.commit()
    await story.send()

    assert incident.id == unstable.id
    assert story.last().subject == "nightly-warehouse is unstable"
    assert "- #1 completed\n- #2 failed" in story.last().text


async def test_a_completed_run_can_be_reported() -> None:
    story = await Story().start()
    good = await story.play(story.now)

    completed = await story.notify(AlertEvent.COMPLETED, good)
    recovered = await story.notify(AlertEvent.RECOVERED, good)

    assert completed.subject == "nightly-warehouse#3 completed in 1 min 3 s"
    assert recovered.subject == "nightly-warehouse#3 completed again"
    assert "The run before it, #2, is failed." in recovered.text
    assert recovered.severity == "info"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("error", [ERROR, "<script>alert(1)</script>\n</pre><img src=x onerror=a()>", "x" * 1_000_000, "\x07\u202e"])
async def test_html_has_no_markup_of_a_run_and_no_external_resource(error: str) -> None:
    story = await Story().start(error)

    await story.report()

    message = story.last()
    parsed = _Tags()
    parsed.feed(message.html)
    assert parsed.tags <= {"div", "h1", "h2", "p", "pre", "ul", "li"}
    assert parsed.attributes <= {"style"}
    assert "url(" not in message.html
    assert len(message.text) < 8_000
    assert len(message.html) < 16_000
    assert len(message.subject) <= 200
    assert "hunter2" not in message.text + message.html + str(message.data) + message.subject


async def test_a_secret_in_a_parameter_or_a_summary_does_not_appear() -> None:
    story = await Story().start()
    story.bad = await story.runs.play_run(
        story.pipeline, story.now, {"extract": [AttemptStory(10, Status.FAILED, error="no")]}, api_token="hunter2", month=3
    )

    await story.report(summary="failed at extract: cannot open postgresql://etl:hunter2@db")

    message = story.last()
    assert "Parameter api_token: ******** (changed)" in message.text
    assert "hunter2" not in message.text + message.html + str(message.data) + message.subject
    stored = story.fakes.store.committed.alert_messages.values()
    assert "hunter2" not in str([each.content for each in stored])


async def test_a_defect_in_the_wording_does_not_lose_the_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    story = await Story().start()
    monkeypatch.setattr(message_composer, "word_opening", lambda *_: 1 / 0)

    await story.report()

    assert story.last().subject == "nightly-warehouse failed at fact-orders: UniqueViolation"
    assert [type(error) for error in story.process.errors] == [ZeroDivisionError]


async def test_a_message_about_a_deleted_run_is_sent() -> None:
    story = await Story().start()

    await story.report(last_run_id=999, first_run_id=999)

    assert story.last().text == "nightly-warehouse failed at fact-orders: UniqueViolation. The run is deleted."
