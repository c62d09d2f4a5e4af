"""Whether other machines run a pipeline when they are expected to."""

from tests.support.in_process import InProcessHeadgate

DEFINITION = {"name": "remote", "stages": [{"name": "copy", "kind": "external"}], "expect": [{"cron": "0 10 * * *", "grace": "10m"}]}


async def test_a_run_that_does_not_come_is_overdue_until_it_is_reported() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()(DEFINITION)
    url = "/pipelines/remote/expectations"

    (before,) = (await headgate.client.get(url)).json()
    headgate.fakes.clock.advance(2 * 3_600)
    (overdue,) = (await headgate.client.get(url)).json()
    await headgate.api.report(pipeline_id="remote", stage_name="copy", status="running")
    (late,) = (await headgate.client.get(url)).json()

    assert (before["state"], before["sentence"], before["next_due_at"], before["ticks"]) == ("on_time", None, "2026-03-02T10:00:00Z", [])
    assert (overdue["state"], overdue["since"]) == ("overdue", "2026-03-02T10:10:00Z")
    assert overdue["sentence"] == "Overdue since 10:10, expected daily at 10:00"
    assert [(tick["state"], tick["run_id"]) for tick in overdue["ticks"]] == [("missed", None)]
    assert late["sentence"] == "Late: started at 11:00, expected daily at 10:00"
    assert [(tick["state"], tick["run_id"]) for tick in late["ticks"]] == [("late", 1)]


async def test_a_pipeline_without_expectations_has_an_empty_list() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({**DEFINITION, "expect": []})

    assert (await headgate.client.get("/pipelines/remote/expectations")).json() == []
    assert (await headgate.client.get("/pipelines/other/expectations")).status_code == 404
