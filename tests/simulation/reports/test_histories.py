"""Ten thousand histories of reports: the domain and a model written on its own say the same of every one."""

from collections import Counter

from tests.simulation.reports.histories import judge_by_domain, judge_by_model, make_history

HISTORIES = 10_000


def test_the_domain_and_the_model_decide_alike_on_every_history() -> None:
    kinds = Counter[tuple[str, str | None]]()

    for seed in range(HISTORIES):
        history = make_history(seed)
        judged, expected = judge_by_domain(history), judge_by_model(history)
        kinds.update(judged[0])
        assert judged == expected, f"history {seed}: {history}"

    problems = {"not_yours", "stale_attempt", "unknown_attempt", "late_report", "impossible_move", None}
    assert {problem for _, problem in kinds} == problems
    assert min(kinds.values()) > 100
