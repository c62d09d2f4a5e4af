import logging

import pytest

from entrypoints.worker.client.connectivity import ConnectivityMonitor


def test_an_outage_is_logged_once_when_it_lasts_and_once_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    # Other tests of this process may have configured logging.
    logger = logging.getLogger("headgate.worker")
    monkeypatch.setattr(logger, "_log", lambda _level, text, args, **_: logged.append(text % args))
    monkeypatch.setattr(logger, "isEnabledFor", lambda _level: True)
    times = iter((0.0, 2.0, 4.9, 5.5, 6.0, 60.0, 61.0))
    connectivity = ConnectivityMonitor("http://headgate", lambda: next(times))
    for _ in range(3):
        connectivity.record_failure(ConnectionError("refused"))
    logged_early = list(logged)
    for _ in range(3):
        connectivity.record_failure(ConnectionError("refused"))

    connectivity.record_success()
    connectivity.record_success()

    assert logged_early == []
    outage = "Requests to Headgate at http://headgate have failed for 6 s: ConnectionError: refused"
    assert logged == [outage, "Headgate answers again, after 61 s"]
