"""Health check for compose: `probe.py URL [--workers]`. Exit code 0 when URL answers 200, and with --workers names one at least."""

import json
import sys
import urllib.request


def main() -> int:
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=4) as answer:  # an answer of 400 or more raises
            body = answer.read()
    except OSError as error:
        print(error)
        return 1
    if "--workers" not in sys.argv[2:]:
        return 0
    return 0 if json.loads(body)["workers"]["count"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
