"""Every string of the product that people read, with its place."""

from tests.support.strings.collector import collect_strings
from tests.support.strings.found_string import FoundString, Kind

__all__ = ["FoundString", "Kind", "collect_strings"]
