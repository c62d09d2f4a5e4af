"""Folders whose names are also those of libraries."""

import pytest

from tests.support.paths import ROOT


@pytest.mark.parametrize("folder", ["alembic", "docker"])
def test_folders_named_like_libraries_do_not_shadow_them(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()
