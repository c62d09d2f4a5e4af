"""Create the SLO, the monitors and the dashboard of this folder in Datadog, or update those with the same names.

    DD_API_KEY=… DD_APP_KEY=… DD_SITE=datadoghq.eu python docker/datadog/apply.py

It needs only Python. Run it again to update; it deletes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Datadog:
    """A client for the Datadog API. A refused request raises SystemExit with one line."""

    def __init__(self, address: str, api_key: str, app_key: str) -> None:
        self._address = address
        self._headers = {"DD-API-KEY": api_key, "DD-APPLICATION-KEY": app_key, "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._address}/api/v1/{path}", data, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}") from None
        except (urllib.error.URLError, TimeoutError) as error:
            raise SystemExit(f"{method} {path}: {error}") from None

    def create_or_update(self, kind: str, known: Mapping[str, Any], name: str, body: Any) -> Any:
        """Update the object with this name in `known` (ids by name), or create it. Return the response."""
        print(f"{kind} {'updated' if name in known else 'created'}: {name}")
        return self.send("PUT", f"{kind}/{known[name]}", body) if name in known else self.send("POST", kind, body)


def apply(datadog: Datadog) -> None:
    slo = read_json("slo.json")
    found = datadog.send("GET", f"slo?{urllib.parse.urlencode({'query': slo['name']})}")["data"]
    stored = datadog.create_or_update("slo", {each["name"]: each["id"] for each in found}, slo["name"], slo)
    slo_id = stored["data"][0]["id"]
    monitors = {each["name"]: each["id"] for each in datadog.send("GET", f"monitor?{urllib.parse.urlencode({'name': 'Headgate: '})}")}
    for path in sorted((HERE / "monitors").glob("*.json")):
        monitor = read_json(f"monitors/{path.name}", slo_id)
        datadog.create_or_update("monitor", monitors, monitor["name"], monitor)
    board = read_json("dashboard.json", slo_id)
    boards = {each["title"]: each["id"] for each in datadog.send("GET", "dashboard")["dashboards"]}
    datadog.create_or_update("dashboard", boards, board["title"], board)


def read_json(name: str, slo_id: str = "SLO_ID") -> Any:
    return json.loads((HERE / name).read_text().replace("SLO_ID", slo_id))


def main(environment: Mapping[str, str]) -> None:
    missing = [name for name in ("DD_API_KEY", "DD_APP_KEY") if not environment.get(name)]
    if missing:
        raise SystemExit(f"Set {' and '.join(missing)}.")
    address = environment.get("DD_API_URL") or f"https://api.{environment.get('DD_SITE') or 'datadoghq.com'}"
    apply(Datadog(address, environment["DD_API_KEY"], environment["DD_APP_KEY"]))


if __name__ == "__main__":
    sys.exit(main(os.environ))
