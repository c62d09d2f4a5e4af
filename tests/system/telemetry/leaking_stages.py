"""Callables of stages that give their secret away."""

import base64
import os
from typing import Any


def tell() -> dict[str, Any]:
    """As output: plain, encoded, within other text, and as a name."""
    secret = os.environ["TOKEN"]
    encoded = base64.b64encode(b"x" + secret.encode()).decode()
    return {
        "summary": f"a **{secret}** b",
        "links": [{"title": secret, "url": f"https://example.com/?t={encoded}"}],
        secret: [encoded],
        "n": 1,
    }


def fail() -> None:
    secret = os.environ["CANARY"]
    print(f"printed {secret!r}")
    raise ValueError(f"no {secret}")
