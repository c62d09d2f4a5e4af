"""Stage functions that leak their secret."""

import base64
import os
from typing import Any


def leak_output() -> dict[str, Any]:
    """Return the secret as output: plain, encoded, within other text, and as a key."""
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
