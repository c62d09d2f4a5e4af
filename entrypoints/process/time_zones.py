"""Use the time zones of the tzdata package, so that all machines agree on them, whatever their operating systems have."""

from zoneinfo import ZoneInfo, reset_tzpath


def use_packaged_time_zones() -> None:
    """Ignore the time zones of the operating system, in this process."""
    reset_tzpath(())
    ZoneInfo.clear_cache()
