"""The image, built once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.docker import compose
from tests.integration.docker.dockerfile import Image, build


@pytest.fixture(scope="package")
def image() -> Iterator[Image]:
    """The image built in a folder, with the locked dependencies."""
    with TemporaryDirectory(prefix="headgate-image-") as folder:
        yield build(compose.ROOT / "docker" / "Dockerfile", compose.ROOT, Path(folder))
