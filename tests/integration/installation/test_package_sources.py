"""Packages come from where pip or uv is configured to take them, and go into the virtual environment, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from installation.packages import install_dependencies
from tests.integration.installation.surroundings import SetAll, find_installed
from tests.support.package_index import USER, PackageIndex, write_local_index


@pytest.mark.parametrize(
    "variables",
    [
        {"PIP_INDEX_URL": "{index}/simple"},
        {"PIP_INDEX_URL": "{index}/simple/", "PIP_USER": "1"},
        {"PIP_INDEX_URL": "{index}/simple", "PIP_TARGET": "{folder}/target", "PIP_REQUIRE_VIRTUALENV": "1"},
        {
            "PIP_INDEX_URL": "{index}/simple",
            "PIP_PREFIX": "{folder}/prefix",
            "PIP_CONSTRAINT": "{folder}/missing.txt",
            "PIP_NO_BINARY": ":all:",
        },
        {"PIP_INDEX_URL": "{index}/empty", "PIP_EXTRA_INDEX_URL": "{index}/none {index}/simple"},
        {"PIP_INDEX_URL": "http://{user}@{host}/private"},
        {"PIP_INDEX_URL": "http://index.invalid/simple", "PIP_PROXY": "{index}"},
        {"PIP_INDEX_URL": "http://index.invalid/simple", "http_proxy": "{index}"},
        {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "{folder}/simple/headgate-test-package /nonexistent"},
        {"PIP_NO_INDEX": "yes", "PIP_FIND_LINKS": "{index}/links"},
        {"PIP_INDEX_URL": "{folder}/simple"},
        {"PIP_INDEX_URL": "{index}/simple", "HOME": "/nonexistent", "XDG_CACHE_HOME": "/proc/none"},
        {"PIP_INDEX_URL": "{index}/simple", "VIRTUAL_ENV": "/nonexistent", "CONDA_PREFIX": "/opt/conda", "PYTHONPATH": "/nonexistent"},
        {"PIP_INDEX_URL": "{index}/simple", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TMPDIR": "/nonexistent"},
        {"UV_DEFAULT_INDEX": "{index}/simple", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"},
        {"PIP_INDEX_URL": "{index}/simple", "UV_EXCLUDE_NEWER": "2001-01-01", "UV_SYSTEM_PYTHON": "1", "UV_NO_BINARY": "1"},
        {"UV_INDEX_URL": "{index}/empty", "UV_EXTRA_INDEX_URL": "{index}/simple", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        {"UV_INDEX": "mine={index}/simple", "UV_DEFAULT_INDEX": "{index}/empty", "UV_PYTHON": "3.8", "UV_PROJECT": "/nonexistent"},
        {
            "UV_FIND_LINKS": "{index}/links",
            "UV_DEFAULT_INDEX": "{index}/empty",
            "UV_BREAK_SYSTEM_PACKAGES": "1",
            "UV_PYTHON_PREFERENCE": "x",
        },
        {"UV_INDEX": "mine={index}/private", "UV_INDEX_MINE_USERNAME": "reader", "UV_INDEX_MINE_PASSWORD": "a-password"},
        {"UV_CONFIG_FILE": "{folder}/uv.toml", "UV_NO_CONFIG": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"},
        {"PIP_INDEX_URL": "http://{host}/private", "NETRC": "{folder}/netrc"},
        {"PIP_INDEX_URL": "{secure}/simple", "PIP_TRUSTED_HOST": "{secure_host}"},
        {"PIP_INDEX_URL": "{secure}/simple", "PIP_TRUSTED_HOST": "other.invalid 127.0.0.1"},
        {"PIP_INDEX_URL": "{secure}/simple", "PIP_CERT": "{certificate}"},
        {"PIP_INDEX_URL": "{secure}/simple", "SSL_CERT_FILE": "{certificate}"},
    ],
)
def test_packages_are_installed_from_the_configured_source(
    root: Path, venv: Path, index: PackageIndex, secure_index: PackageIndex, set_all: SetAll, variables: dict[str, str]
) -> None:
    write_local_index(root)
    (root / "uv.toml").write_text(f'[[index]]\nurl = "{index.url}/simple"\ndefault = true\n')
    (root / "netrc").write_text("machine 127.0.0.1 login {} password {}\n".format(*USER.split(":")))
    (root / "netrc").chmod(0o600)
    set_all(variables)

    install_dependencies(venv, root, "requirements.lock")

    assert find_installed(venv)
    assert not (root / "target").exists() and not (root / "prefix").exists() and not (venv / "cache").exists()
    assert "pip" not in index.programs | secure_index.programs


@pytest.mark.parametrize(
    "text",
    [
        "[global]\nindex-url = {index}/simple\n",
        "[install]\nindex-url = {index}/simple\nuser = true\n[global]\nindex-url = http://127.0.0.1:9/\n",
        "[global]\nindex_url = {index}/empty\nextra-index-url =\n    {index}/none\n    {index}/simple\ntarget = /nonexistent/x\n",
        "[global]\nno-index = true\nfind-links = {index}/links\n",
        "[global]\nindex-url = http://index.invalid/simple\nproxy = {index}\ntrusted-host = index.invalid\ntimeout = 5\nretries = 0\n",
    ],
)
def test_the_file_of_pip_counts(root: Path, venv: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = root / "my pip.conf"
    file.write_text(text.format(index=index.url))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))

    install_dependencies(venv, root, "requirements.lock")

    assert find_installed(venv)


@pytest.mark.parametrize(
    "place",
    [
        "{XDG_CONFIG_HOME}/pip/pip.conf",
        "{HOME}/.config/pip/pip.conf",
        "{HOME}/.pip/pip.conf",
        "{XDG_CONFIG_DIRS}/pip/pip.conf",
        "{venv}/pip.conf",
    ],
)
def test_each_place_of_a_file_of_pip_counts(
    root: Path, venv: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folders = {name: str(root / name) for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "HOME")}
    for name in ("PIP_CONFIG_FILE", *folders):
        monkeypatch.delenv(name, raising=False)
    for name, folder in folders.items():
        if name == "HOME" or name in place:
            monkeypatch.setenv(name, folder)
    file = Path(place.format_map(folders | {"venv": venv}))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[global]\nindex-url = {index.url}/simple\n")

    try:
        install_dependencies(venv, root, "requirements.lock")
    finally:
        file.unlink()

    assert find_installed(venv)
