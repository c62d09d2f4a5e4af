"""Events that belong to no run."""

from domain.runs.events import EventType
from domain.site_events import SiteEventType


def test_a_viewer_tells_events_of_runs_and_of_the_site_apart_by_their_type() -> None:
    assert {event.value for event in SiteEventType} & {event.value for event in EventType} == set()
