"""Names of Prefect deployments."""

import re

MAX_NAME_LENGTH = 400
NAME = re.compile(r"[^/%&><\x00-\x1f]+/[^/%&><\x00-\x1f]+")


def find_name_problem(value: object) -> str | None:
    """Return what is wrong with the name of a deployment, None if nothing is. Prefect does not accept other names."""
    if isinstance(value, str) and len(value) <= MAX_NAME_LENGTH and NAME.fullmatch(value):
        return None
    return "must name a deployment as FLOW/DEPLOYMENT, such as ml/train"
