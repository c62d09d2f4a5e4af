"""URLs of pages on a host of their own."""

BASE = "https://headgate.test"


class FakePageUrls:
    def run(self, run_id: int) -> str:
        return f"{BASE}/ui/runs/{run_id}"

    def log_line(self, run_id: int, stage: str, attempt: int, line: int) -> str:
        return f"{BASE}/ui/runs/{run_id}?stage={stage}&attempt={attempt}&line={line}#L{line}"

    def comparison(self, before_id: int, after_id: int) -> str:
        return f"{BASE}/ui/runs/{before_id}/compare/{after_id}"

    def pipeline(self, pipeline_id: int) -> str:
        return f"{BASE}/ui/pipelines/{pipeline_id}"

    def incident(self, incident_id: int) -> str:
        return f"{BASE}/ui/incidents/{incident_id}"

    def incidents(self) -> str:
        return f"{BASE}/ui/incidents"

    def channels(self) -> str:
        return f"{BASE}/ui/channels"

    def link(self, token: str) -> str:
        return f"{BASE}/ui/links/{token}"
