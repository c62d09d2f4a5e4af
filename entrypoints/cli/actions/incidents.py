"""Show incidents, and acknowledge, snooze and resolve them."""

from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.local_times import format_local
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table

JsonObject = Mapping[str, Any]


async def show_incidents(url: str, states: Sequence[str], pipeline: str | None, as_json: bool, wide: bool = False) -> int:
    """Show the newest 100 incidents. A pipeline or a state that does not exist raises ApiError."""
    async with HeadgateClient(url) as client:
        query = {"state": list(states), **({"pipeline": pipeline} if pipeline is not None else {})}
        found = await client.get("/incidents/", **query)
    if as_json:
        print_json(found)
    elif found:
        print_table([_build_row(incident) for incident in found], name_column=1, wide=wide)
    else:
        print("There is no such incident." if states or pipeline is not None else "No incidents.")
    return 0


async def show_incident(url: str, incident_id: int, as_json: bool, wide: bool = False) -> int:
    """Show an incident with its timeline and its deliveries. An unknown one raises ApiError."""
    async with HeadgateClient(url) as client:
        incident = await client.get(f"/incidents/{incident_id}")
    if as_json:
        print_json(incident)
        return 0
    print(sanitize(_describe(url, incident)))
    print(sanitize(incident["summary"]))
    for title, rows in (
        ("timeline", [_build_entry(entry) for entry in incident["timeline"]]),
        ("deliveries", [_build_delivery(delivery) for delivery in incident["deliveries"]]),
    ):
        if rows:
            print(f"\n{title}")
            print_table(rows, name_column=1, wide=wide)
    return 0


async def change_incident(url: str, incident_id: int, action: str, body: JsonObject, as_json: bool) -> int:
    """Acknowledge, snooze or resolve the incident and print its state. Return 0; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        incident = await client.post(f"/incidents/{incident_id}/{action}", dict(body))
    if as_json:
        print_json(incident)
    else:
        print(sanitize(_describe(url, incident)))
    return 0


def _describe(url: str, incident: JsonObject) -> str:
    return f"incident {incident['id']} of {_name_subject(incident)}: {_describe_state(incident)}  {url}/ui/incidents/{incident['id']}"


def _describe_state(incident: JsonObject) -> str:
    state: str = incident["state"]
    if state == "acknowledged":
        return f"acknowledged by {incident['acknowledged_by']}"
    if state == "snoozed":
        return f"snoozed until {format_local(incident['snoozed_until'])}"
    if state == "resolved":
        person = f" by {incident['resolved_by']}" if incident["resolved_by"] else ""
        return f"resolved{person} {format_local(incident['resolved_at'])}"
    return state


def _name_subject(incident: JsonObject) -> str:
    key = f" ({incident['concurrency_key']})" if incident["concurrency_key"] else ""
    return f"{incident['pipeline'] or 'channel ' + str(incident['channel'])}{key}"


def _build_row(incident: JsonObject) -> Sequence[str]:
    runs = f"{incident['repeats'] + 1:,} times" if incident["repeats"] else ""
    texts = (_name_subject(incident), _describe_state(incident), f"opened {format_local(incident['opened_at'])}", runs, incident["summary"])
    return [str(incident["id"]), *(sanitize(text) for text in texts)]


def _build_entry(entry: JsonObject) -> Sequence[str]:
    details = ", ".join(f"{key} {value}" for key, value in entry["data"].items())
    return [format_local(entry["at"]), entry["kind"], sanitize(entry["actor"] or ""), sanitize(details)]


def _build_delivery(delivery: JsonObject) -> Sequence[str]:
    at = delivery["sent_at"] or delivery["due_at"]
    held = f"held by {'quiet hours' if delivery['held_by'] == 'quiet' else 'a silence'}" if delivery["held_by"] else ""
    texts = (delivery["channel"], delivery["state"], delivery["subject"], delivery["last_error"] or held)
    return [format_local(at) if at else "", *(sanitize(text) for text in texts)]
