"""The page of the dependencies' licences: each has a name, and none forbids what Headgate does."""

from __future__ import annotations

from email.message import Message

import pytest

from tests.support.licences import (
    NOT_INSTALLED_EVERYWHERE,
    READ_FROM_LICENCE_FILES,
    LockedPackage,
    find_licence,
    read_licence,
    read_locked_packages,
)

# A program under Apache-2.0 may import packages with these licences, and may be distributed together with them.
ACCEPTED = {
    "0BSD",
    "Apache-2.0",
    "Artistic-1.0-Perl",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "LGPL-3.0-only",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
}
LOCKED = list(read_locked_packages())


def is_accepted(expression: str) -> bool:
    """Return whether each part of the expression has an alternative that is accepted."""
    parts = expression.replace("(", "").replace(")", "").split(" AND ")
    return all(any(licence in ACCEPTED for licence in part.split(" OR ")) for part in parts)


@pytest.mark.parametrize("package", LOCKED, ids=lambda package: package.name)
def test_each_dependency_has_an_accepted_licence(package: LockedPackage) -> None:
    assert is_accepted(find_licence(package.name))


def test_a_licence_without_an_accepted_alternative_is_found() -> None:
    assert not is_accepted("GPL-3.0-only")
    assert not is_accepted("MIT AND (AGPL-3.0-only OR GPL-3.0-only)")


def test_the_lock_file_is_read_with_its_conditions() -> None:
    by_name = {package.name: package for package in LOCKED}

    assert {"fastapi", "psycopg-binary", "duckdb"} <= set(by_name)
    assert str(by_name["uvloop"].marker) == 'sys_platform != "win32"'
    assert by_name["fastapi"].marker is None


def test_licences_that_are_written_by_hand_belong_to_locked_packages() -> None:
    assert set(NOT_INSTALLED_EVERYWHERE) | set(READ_FROM_LICENCE_FILES) <= {package.name for package in LOCKED}


def test_packages_of_some_systems_and_versions_are_written_by_hand() -> None:
    conditions = {package.name: str(package.marker) for package in LOCKED}
    conditional = {name for name, condition in conditions.items() if "python_full_version" in condition or "sys_platform" in condition}

    assert set(NOT_INSTALLED_EVERYWHERE) == conditional


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ([("License-Expression", "MIT AND PSF-2.0"), ("License", "BSD")], "MIT AND PSF-2.0"),
        ([("License", "apache-2.0")], "Apache-2.0"),
        ([("License", "The MIT License\n\nPermission is"), ("Classifier", "License :: OSI Approved :: MIT License")], "MIT"),
        (
            [("Classifier", f"License :: OSI Approved :: {name}") for name in ("MIT License", "Apache Software License")],
            "Apache-2.0 OR MIT",
        ),
        ([("License", "BSD"), ("Classifier", "License :: OSI Approved :: BSD License")], None),
        ([("Classifier", "Topic :: Internet")], None),
    ],
)
def test_a_licence_is_read_from_metadata(fields: list[tuple[str, str]], licence: str | None) -> None:
    metadata = Message()
    for key, value in fields:
        metadata[key] = value

    assert read_licence(metadata) == licence
