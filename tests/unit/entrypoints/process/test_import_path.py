"""Folders of PYTHONPATH are not searched for modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.process.import_path import remove_folders
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("path", "folders", "expected"),
    [
        (["/app/bin", "/mine", "/lib"], ["/mine"], ["/app/bin", "/lib"]),
        (["/mine", "/lib", "/mine"], ["/mine"], ["/lib", "/mine"]),
        (["/a", "/b", "/lib"], ["/a", "", "/b", "/c"], ["/lib"]),
        (["/a", str(ROOT), "/lib"], [str(ROOT), "/a"], [str(ROOT), "/lib"]),
        (["/lib"], [], ["/lib"]),
        ([str(Path("mine").absolute()), "/lib"], ["mine"], ["/lib"]),
        (["/a/mine", "/lib"], ["/a/x/../mine"], ["/lib"]),
    ],
)
def test_each_folder_is_removed_once(path: list[str], folders: list[str], expected: list[str]) -> None:
    assert remove_folders(path, folders) == expected
