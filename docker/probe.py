"""Health check for compose: `probe.py URL [--workers]`.

Exit with code 0 if the URL answers 200 and, with --workers, its JSON counts at least one worker.
"""

import json
import sys
import urllib.request


def main() -> int:
    try:
        # The servers of the compose file are in its own network, which no proxy of the environment leads to.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(sys.argv[1], timeout=4) as response:  # raises for status 400 and above
            body = response.read()
    except OSError as error:
        print(error)
        return 1
    if "--workers" not in sys.argv[2:]:
        return 0
    return 0 if json.loads(body)["workers"]["count"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
