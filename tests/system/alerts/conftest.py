"""Share one Headgate and the receivers of its messages between the tests of this package."""

from collections.abc import Iterator

import pytest

from tests.system.alerts.receivers import Receivers, open_receivers


@pytest.fixture(scope="package")
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    with open_receivers(tmp_path_factory.mktemp("tls")) as opened:
        yield opened
