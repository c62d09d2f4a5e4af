from entrypoints.worker.client.connectivity import ConnectivityMonitor
from tests.support.log_records import recorded_log


def test_an_outage_is_logged_once_when_it_lasts_and_once_when_it_ends() -> None:
    times = iter((0.0, 2.0, 4.9, 5.5, 6.0, 60.0, 61.0))
    connectivity = ConnectivityMonitor("http://headgate", lambda: next(times))
    with recorded_log("headgate.worker") as log:
        for _ in range(3):
            connectivity.record_failure(ConnectionError("refused"))
        logged_early = log.messages
        for _ in range(3):
            connectivity.record_failure(ConnectionError("refused"))

        connectivity.record_success()
        connectivity.record_success()

    assert logged_early == []
    outage = "Requests to Headgate at http://headgate have failed for 6 s: ConnectionError: refused"
    assert log.messages == [outage, "Headgate responds again after 61 s"]
