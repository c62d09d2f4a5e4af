"""What pip is configured with reaches uv too, and nothing of it changes what is installed or where."""

from __future__ import annotations

from pathlib import Path

import pytest

from installation.pip_settings import is_index_disabled, parse_settings, to_pip_environment, to_uv_environment


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("global.index-url='https://a.example/simple'", {"UV_DEFAULT_INDEX": "https://a.example/simple"}),
        (
            ":env:.index-url='https://a.example/simple'\nglobal.index-url='https://b.example'",
            {"UV_DEFAULT_INDEX": "https://a.example/simple"},
        ),
        ("install.index-url='https://a.example'\nglobal.index-url='https://b.example'", {"UV_DEFAULT_INDEX": "https://a.example"}),
        ("global.index-url='/srv/simple'", {"UV_DEFAULT_INDEX": "file:///srv/simple"}),
        (
            "global.extra-index-url='\\nhttps://a.example/simple\\nhttps://b.example/simple'",
            {"UV_INDEX": "https://a.example/simple https://b.example/simple", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
        (":env:.find-links='https://a.example/files /nonexistent/wheels'", {"UV_FIND_LINKS": "https://a.example/files"}),
        (":env:.trusted-host='a.example b.example:8080'", {"UV_INSECURE_HOST": "a.example b.example:8080"}),
        ("global.cert='/etc/a.pem'", {"SSL_CERT_FILE": "/etc/a.pem"}),
        ("global.cert='/etc'", {"SSL_CERT_DIR": "/etc"}),
        ("global.client-cert='/etc/a.pem'", {"SSL_CLIENT_CERT": "/etc/a.pem"}),
        (":env:.proxy='http://p:3128'", dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://p:3128")),
        (":env:.default-timeout='180'", {"UV_HTTP_TIMEOUT": "180"}),
        ("global.timeout='0.4'", {"UV_HTTP_TIMEOUT": "1"}),
        ("global.retries='9'", {"UV_HTTP_RETRIES": "9"}),
        ("global.keyring-provider='subprocess'", {"UV_KEYRING_PROVIDER": "subprocess"}),
        ("global.keyring-provider='import'\nglobal.timeout='soon'\nglobal.retries='-1'\nglobal.index-url=''", {}),
    ],
)
def test_a_setting_of_pip_reaches_uv(listing: str, expected: dict[str, str]) -> None:
    assert to_uv_environment(parse_settings(listing), {}) == expected


@pytest.mark.parametrize(
    "setting",
    [
        "user='1'",
        "target='/tmp/x'",
        "prefix='/tmp/x'",
        "root='/tmp/x'",
        "require-virtualenv='true'",
        "no-deps='1'",
        "constraint='/tmp/c.txt'",
        "no-binary=':all:'",
        "only-binary=':all:'",
        "ignore-installed='1'",
        "dry-run='1'",
        "pre='1'",
        "python-version='3.8'",
    ],
)
@pytest.mark.parametrize("section", ["global", "install", ":env:"])
def test_a_setting_that_changes_what_is_installed_is_ignored(section: str, setting: str) -> None:
    settings = parse_settings(f"{section}.{setting}\n")

    assert to_uv_environment(settings, {}) == {}
    assert to_pip_environment(settings) == {"PIP_CONFIG_FILE": "/dev/null"}


def test_pip_gets_its_sources_without_its_files() -> None:
    settings = parse_settings("global.index-url='https://a.example'\nglobal.use-feature='truststore'\n:env:.user='1'")

    environment = to_pip_environment(settings)

    assert environment == {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "https://a.example", "PIP_USE_FEATURE": "truststore"}


def test_local_links_are_absolute_and_exist(tmp_path: Path) -> None:
    settings = {"find-links": f"{tmp_path} {tmp_path / 'missing'}"}

    assert to_uv_environment(settings, {}) == {"UV_FIND_LINKS": str(tmp_path)}


@pytest.mark.parametrize(
    "variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE"]
)
def test_indexes_set_for_uv_win(variable: str) -> None:
    settings = parse_settings("global.index-url='https://a.example'\nglobal.extra-index-url='https://b.example'\nglobal.timeout='9'")

    assert to_uv_environment(settings, {variable: "https://uv.example"}) == {"UV_HTTP_TIMEOUT": "9"}


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("Yes", True), ("on", True), ("0", False), ("false", False), ("", False)]
)
def test_an_index_can_be_switched_off(value: str, expected: bool) -> None:
    assert is_index_disabled(parse_settings(f":env:.no-index='{value}'")) is expected
