"""What passes from a worker's environment to its stages is a stated list."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

import pytest

from entrypoints.worker.runner.login_environment import (
    ACCOUNT_VARIABLES,
    DEFAULTS,
    INHERITED_VARIABLES,
    build_login_environment,
    get_proxy_passwords,
)
from tests.support.paths import ROOT

PROXY = "http://proxy.example.com:3128"
NOT_INHERITED = [
    *("HEADGATE_SECRET", "HEADGATE_WORKER_TOKEN", "HEADGATE_DATABASE_URL", "HEADGATE_SECRET_A_PROXY", "HEADGATE_HTTP_PROXY"),
    *("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "DD_API_KEY", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "GITHUB_TOKEN"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_PRELOAD", "BASH_ENV", "ENV", "PS1", "LC_SECRET", "TRAVIS_APT_PROXY", "Http_Proxy"),
]


def test_every_variable_of_the_list_is_inherited() -> None:
    environment = {name: f"value of {name}" for name in INHERITED_VARIABLES}

    found = build_login_environment(environment)

    assert {name: found[name] for name in INHERITED_VARIABLES if name.upper() != "NO_PROXY"} == {
        name: value for name, value in environment.items() if name.upper() != "NO_PROXY"
    }


@pytest.mark.parametrize("name", NOT_INHERITED)
def test_no_other_variable_is_inherited(name: str) -> None:
    assert name not in build_login_environment({name: "secret", "PATH": "/bin"})


def test_the_user_is_the_one_that_the_worker_runs_as() -> None:
    account = pwd.getpwuid(os.geteuid())

    found = build_login_environment({"USER": "somebody-else", "LOGNAME": "somebody-else"})

    assert (found["USER"], found["LOGNAME"], found["HOME"], found["SHELL"]) == (
        account.pw_name,
        account.pw_name,
        account.pw_dir,
        account.pw_shell,
    )


def test_home_and_shell_of_the_worker_come_first_and_empty_ones_do_not() -> None:
    found = build_login_environment({"HOME": "/srv/etl", "SHELL": "/bin/zsh", "LANG": "", "TMPDIR": ""})

    assert (found["HOME"], found["SHELL"], found["LANG"]) == ("/srv/etl", "/bin/zsh", "C.UTF-8")
    assert "TMPDIR" not in found


def test_inherited_proxies_are_not_for_this_machine() -> None:
    found = build_login_environment({"https_proxy": PROXY, "NO_PROXY": "a.example"})

    assert found["https_proxy"] == PROXY
    assert found["NO_PROXY"] == found["no_proxy"] == "a.example,localhost,127.0.0.1,::1"
    assert [name for name in build_login_environment({}) if name.lower().endswith("_proxy")] == []


def test_passwords_of_proxies_are_known_to_the_masker() -> None:
    environment = {"https_proxy": "http://u:pass%2Fword@proxy:1", "HTTP_PROXY": "u:x@proxy", "ALL_PROXY": "http://[", "PATH": "x:y@z"}

    assert get_proxy_passwords(environment) == ["pass%2Fword", "pass/word"]


def test_the_reference_lists_these_variables_and_no_others() -> None:
    page = Path(ROOT, "docs/reference/environment.md").read_text()
    table = page.partition("## Variables")[2].partition("## ")[0]

    listed = {name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])}

    upper = {name.upper() for name in INHERITED_VARIABLES}
    assert {name for name in listed if not name.startswith(("HEADGATE_", "TRACE", "BAGGAGE"))} == upper | {*ACCOUNT_VARIABLES, *DEFAULTS}
