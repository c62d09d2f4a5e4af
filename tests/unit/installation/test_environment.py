"""The installation depends on nothing in the surrounding shell but how to reach packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from installation.environment import build_environment, find_cache_folder


@pytest.mark.parametrize(
    "variable",
    [
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSAFEPATH",
        "PYTHONIOENCODING",
        "PIP_USER",
        "PIP_TARGET",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_EXCLUDE_NEWER",
        "UV_CONSTRAINT",
        "UV_NO_BINARY",
        "UV_REQUIRE_HASHES",
        "MAKEFLAGS",
    ],
)
def test_what_would_install_other_things_elsewhere_is_removed(tmp_path: Path, variable: str) -> None:
    assert variable not in build_environment({variable: "x", "HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize(
    "variable", ["HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "UV_DEFAULT_INDEX", "UV_INDEX_CORP_PASSWORD", "UV_OFFLINE", "NETRC"]
)
def test_what_reaches_the_packages_is_kept(tmp_path: Path, variable: str) -> None:
    assert build_environment({variable: "x", "HOME": str(tmp_path)}, tmp_path)[variable] == "x"


@pytest.mark.parametrize("inherited", [{}, {"HOME": ""}, {"HOME": "/nonexistent"}, {"HOME": "/dev/null"}, {"XDG_CACHE_HOME": "/proc/1"}])
def test_without_a_home_the_cache_is_beside_the_packages(tmp_path: Path, inherited: dict[str, str]) -> None:
    if not inherited.get("HOME", "").startswith("/dev"):
        inherited = inherited | {"XDG_CACHE_HOME": "/proc/none"}  # even root cannot write there

    assert build_environment(inherited, tmp_path)["UV_CACHE_DIR"] == str(tmp_path / "cache")


@pytest.mark.parametrize("inherited", [{"XDG_CACHE_HOME": "{}/c"}, {"HOME": "{}"}, {"XDG_CACHE_HOME": "relative", "HOME": "{}"}])
def test_a_writable_cache_of_the_user_is_used(tmp_path: Path, inherited: dict[str, str]) -> None:
    inherited = {name: value.format(tmp_path) for name, value in inherited.items()}

    assert "UV_CACHE_DIR" not in build_environment(inherited, tmp_path)
    assert find_cache_folder(inherited).is_relative_to(tmp_path)


@pytest.mark.parametrize("folder", ["/proc/nonexistent", "relative", "", "/proc"])
def test_an_unusable_temporary_folder_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("TMPDIR", folder)

    assert build_environment({"TMPDIR": folder, "HOME": str(tmp_path)}, tmp_path)["TMPDIR"] not in (folder, "")
