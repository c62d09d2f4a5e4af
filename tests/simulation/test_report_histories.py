"""Ten thousand histories of reports: the domain and a model written on its own say the same of every one."""

from collections import Counter

from tests.simulation.report_histories import a_history, by_the_domain, by_the_model

HISTORIES = 10_000


def test_the_domain_judges_every_shuffled_and_repeated_history_as_the_model_does() -> None:
    kinds = Counter[tuple[int, bool, str | None]]()

    for seed in range(HISTORIES):
        history = a_history(seed)
        judged, expected = by_the_domain(history), by_the_model(history)
        kinds.update(judged[0])
        assert judged == expected, f"history {seed}: {history}"

    problems = {"not_yours", "stale_attempt", "unknown_attempt", "late_report", "impossible_move", None}
    assert {problem for _, _, problem in kinds} == problems
    assert min(kinds.values()) > 100
