"""URLs of Headgate's pages."""

from urllib.parse import quote


class PublicPageUrls:
    """URLs below the base URL at which people reach Headgate."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")

    def run(self, run_id: int) -> str:
        return f"{self._base_url}/ui/runs/{run_id}"

    def log_line(self, run_id: int, stage: str, attempt: int, line: int) -> str:
        return f"{self._base_url}/ui/runs/{run_id}?stage={quote(stage)}&attempt={attempt}&line={line}#L{line}"

    def comparison(self, before_id: int, after_id: int) -> str:
        return f"{self._base_url}/ui/runs/{before_id}/compare/{after_id}"

    def pipeline(self, pipeline_id: int) -> str:
        return f"{self._base_url}/ui/pipelines/{pipeline_id}"

    def incident(self, incident_id: int) -> str:
        return f"{self._base_url}/ui/incidents/{incident_id}"

    def incidents(self) -> str:
        return f"{self._base_url}/ui/incidents"

    def channels(self) -> str:
        return f"{self._base_url}/ui/channels"

    def link(self, token: str) -> str:
        return f"{self._base_url}/ui/links/{token}"
