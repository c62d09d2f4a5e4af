"""A Prefect flow in a file of its own: it needs Prefect, and knows nothing of Headgate."""

import math
from datetime import date

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact

LATITUDES = {"Nairobi": -1.3, "Sydney": -33.9, "New York": 40.7, "Berlin": 52.5, "Oslo": 59.9}
OBLIQUITY = 23.44
"""The angle between the axis of the Earth and its orbit, in degrees."""
DEFAULT_CITIES = ["Nairobi", "New York", "Oslo"]


@flow(persist_result=True, result_serializer="json")  # type: ignore[untyped-decorator]
def daylight(day: date, cities: list[str] = DEFAULT_CITIES) -> dict[str, object]:
    """Compute how long the Sun is up in each of the cities."""
    logger = get_run_logger()
    hours = {}
    for city in cities:
        hours[city] = round(compute_hours(LATITUDES[city], day), 1)
        logger.info("%s: %s hours", city, hours[city])
    longest = max(hours, key=lambda city: hours[city])
    rows = [{"city": city, "hours": found} for city, found in hours.items()]
    create_table_artifact(rows, key="daylight", description=f"Hours of daylight on {day}")
    create_markdown_artifact(f"**{longest}** has the longest day: {hours[longest]} hours.", key="longest-day")
    return {"day": day.isoformat(), "longest": longest, "hours": hours[longest]}


def compute_hours(latitude: float, day: date) -> float:
    """Return the hours between sunrise and sunset, without the refraction of the air. An almanac's are up to half an hour longer."""
    days_since_solstice = (day - date(day.year - 1, 12, 21)).days
    declination = -math.radians(OBLIQUITY) * math.cos(math.tau * days_since_solstice / 365.24)
    cosine = -math.tan(math.radians(latitude)) * math.tan(declination)
    return 24 / math.pi * math.acos(max(-1.0, min(1.0, cosine)))
