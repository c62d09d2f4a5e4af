"""The variables that a stage has before its definition adds any: those of a login shell of the worker's user, and few others."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from adapters.proxies import exempt_local_hosts

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
_LOCALE_CATEGORIES: Final = (
    *("ALL", "COLLATE", "CTYPE", "MESSAGES", "MONETARY", "NUMERIC", "TIME"),
    *("ADDRESS", "IDENTIFICATION", "MEASUREMENT", "NAME", "PAPER", "TELEPHONE"),
)

INHERITED_VARIABLES: Final = (
    *("PATH", "HOME", "SHELL", "TMPDIR", "TZ"),
    *("LANG", "LANGUAGE", *(f"LC_{category}" for category in _LOCALE_CATEGORIES)),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *_PROXIES,
    *(name.lower() for name in _PROXIES),
)
"""The only variables that a stage inherits from the worker, so that secrets reach it through its definition alone."""

ACCOUNT_VARIABLES: Final = ("USER", "LOGNAME")
"""Variables that name the user that the worker runs as, whatever the worker's environment says."""

DEFAULTS: Final = {"PATH": os.defpath, "HOME": "/", "SHELL": "/bin/sh", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
"""Values of variables that neither the worker's environment nor the user database has. Python programs print at once."""


def build_login_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a stage of a worker with this environment. Its proxies are not for this machine."""
    inherited = {name: environment[name] for name in INHERITED_VARIABLES if environment.get(name)}
    return DEFAULTS | dict(_read_account(os.geteuid())) | exempt_local_hosts(inherited) | _name_user(environment)


def get_proxy_passwords(environment: Mapping[str, str]) -> list[str]:
    """Return the passwords within the proxies that a stage inherits, as they are written and decoded."""
    passwords: list[str] = []
    for name in (*_PROXIES, *(name.lower() for name in _PROXIES)):
        with contextlib.suppress(ValueError):
            if password := urlsplit(environment.get(name, "")).password:
                passwords += [password, unquote(password)]
    return list(dict.fromkeys(passwords))


def _name_user(environment: Mapping[str, str]) -> dict[str, str]:
    known = dict(_read_account(os.geteuid())).get("USER")
    user = known or environment.get("USER") or environment.get("LOGNAME") or str(os.geteuid())
    return dict.fromkeys(ACCOUNT_VARIABLES, user)


@functools.cache
def _read_account(uid: int) -> tuple[tuple[str, str], ...]:
    """Return USER, HOME and SHELL of the user database. A container may run as a user that it does not have."""
    return tuple(_read_fields(uid))


def _read_fields(uid: int) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(KeyError):
        account = pwd.getpwuid(uid)
        for name, value in (("USER", account.pw_name), ("HOME", account.pw_dir), ("SHELL", account.pw_shell)):
            if value:
                yield name, value
