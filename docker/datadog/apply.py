"""Puts the SLO, the monitors and the dashboard of this folder into Datadog, or renews those that bear their names.

    DD_API_KEY=… DD_APP_KEY=… DD_SITE=datadoghq.eu python docker/datadog/apply.py

It asks for nothing but Python. Run again it changes what it made; it deletes nothing.
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
    """Its API, by two keys. SystemExit with one line for what it refuses."""

    def __init__(self, address: str, api_key: str, app_key: str) -> None:
        self._address = address
        self._headers = {"DD-API-KEY": api_key, "DD-APPLICATION-KEY": app_key, "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._address}/api/v1/{path}", data, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}") from None
        except (urllib.error.URLError, TimeoutError) as error:
            raise SystemExit(f"{method} {path}: {error}") from None

    def put(self, kind: str, known: Mapping[str, Any], name: str, body: Any) -> Any:
        """Renew what has this name, or make it; the answer."""
        print(f"{kind} {'renewed' if name in known else 'made'}: {name}")
        return self.ask("PUT", f"{kind}/{known[name]}", body) if name in known else self.ask("POST", kind, body)


def apply(datadog: Datadog) -> None:
    slo = read("slo.json")
    found = datadog.ask("GET", f"slo?{urllib.parse.urlencode({'query': slo['name']})}")["data"]
    made = datadog.put("slo", {each["name"]: each["id"] for each in found}, slo["name"], slo)
    slo_id = made["data"][0]["id"]
    monitors = {each["name"]: each["id"] for each in datadog.ask("GET", f"monitor?{urllib.parse.urlencode({'name': 'Headgate: '})}")}
    for path in sorted((HERE / "monitors").glob("*.json")):
        monitor = read(f"monitors/{path.name}", slo_id)
        datadog.put("monitor", monitors, monitor["name"], monitor)
    board = read("dashboard.json", slo_id)
    boards = {each["title"]: each["id"] for each in datadog.ask("GET", "dashboard")["dashboards"]}
    datadog.put("dashboard", boards, board["title"], board)


def read(name: str, slo_id: str = "SLO_ID") -> Any:
    return json.loads((HERE / name).read_text().replace("SLO_ID", slo_id))


def main(environment: Mapping[str, str]) -> None:
    missing = [name for name in ("DD_API_KEY", "DD_APP_KEY") if not environment.get(name)]
    if missing:
        raise SystemExit(f"Set {' and '.join(missing)}.")
    address = environment.get("DD_API_URL") or f"https://api.{environment.get('DD_SITE') or 'datadoghq.com'}"
    apply(Datadog(address, environment["DD_API_KEY"], environment["DD_APP_KEY"]))


if __name__ == "__main__":
    sys.exit(main(os.environ))
