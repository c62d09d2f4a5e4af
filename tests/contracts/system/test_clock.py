from datetime import timedelta

from application.ports.system.clock import Clock


def test_the_time_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_time_does_not_go_backwards_by_itself(clock: Clock) -> None:
    times = [clock.now() for _ in range(100)]

    assert times == sorted(times)
