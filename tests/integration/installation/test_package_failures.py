"""pip installs what uv cannot, and a package that neither can install is one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from installation.commands import InstallationError
from installation.packages import install_dependencies
from tests.integration.installation.surroundings import SetAll, find_installed
from tests.support.package_index import LOCK, PackageIndex

MISSING = "headgate[-_]test[-_]package"


def test_pip_installs_what_uv_cannot(
    root: Path, venv: Path, index: PackageIndex, set_all: SetAll, capsys: pytest.CaptureFixture[str]
) -> None:
    set_all({"PIP_INDEX_URL": "{index}/simple", "UV_OFFLINE": "1"})

    install_dependencies(venv, root, "requirements.lock")

    assert find_installed(venv) and index.programs == {"pip"}
    assert "installing with pip" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PIP_INDEX_URL": "{index}/empty"}, MISSING),
        ({"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, MISSING),
        ({"PIP_INDEX_URL": "http://reader:wrong-password@{host}/private"}, MISSING),
        ({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/nonexistent"}, MISSING),
        ({"PIP_INDEX_URL": "http://index.invalid/simple", "PIP_PROXY": "http://127.0.0.1:9"}, MISSING),
        ({"PIP_CONFIG_FILE": "{folder}/broken.conf"}, "pip cannot read its own configuration"),
    ],
)
def test_what_cannot_be_reached_is_one_line(root: Path, venv: Path, set_all: SetAll, variables: dict[str, str], reason: str) -> None:
    (root / "broken.conf").write_text("index-url\n")
    set_all(variables | {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"})

    with pytest.raises(InstallationError) as error:
        install_dependencies(venv, root, "requirements.lock")

    text = str(error.value)
    assert len(text.splitlines()) == 1
    assert re.search(reason, text)
    assert "wrong-password" not in text
    assert find_installed(venv) == []


def test_a_file_with_another_hash_is_not_installed(root: Path, venv: Path, set_all: SetAll) -> None:
    set_all({"PIP_INDEX_URL": "{index}/simple"})
    (root / "requirements.lock").write_text(LOCK.rpartition(":")[0] + ":" + "0" * 64 + "\n")

    with pytest.raises(InstallationError, match=r"(?i)hash"):
        install_dependencies(venv, root, "requirements.lock")

    assert find_installed(venv) == []
