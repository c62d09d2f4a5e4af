"""Texts to begin a pipeline with. Each can be stored as it is, and runs on a machine that has nothing but Headgate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Example:
    """An example with the words of its link."""

    title: str
    text: str


FIRST: Final = """\
name: hello
description: A first pipeline
stages:
  - name: greet
    command: [echo, Hello from Headgate]
  - name: count
    command: for n in 1 2 3; do echo "line $n"; sleep 1; done
    shell: true
"""
_NIGHTLY: Final = """\
name: nightly
description: Two stages at once, then a summary, every night
stages:
  - name: extract-orders
    command: [echo, orders]
    needs: []
  - name: extract-stock
    command: [echo, stock]
    needs: []
  - name: summarise
    command: [echo, done]
    needs: [extract-orders, extract-stock]
    retries: 2
    retry_delay: 30s
schedules:
  - name: night
    cron: 30 2 * * *
    timezone: UTC
"""
_REPORTED: Final = """\
name: nightly-backup
description: A job on another machine, which reports its status
stages:
  - name: dump
    kind: external
    timeout: 3h
"""
_DECIDED: Final = """\
name: release
description: A user approves before the last stage
stages:
  - name: build
    command: [echo, built]
  - name: approve
    kind: approval
    message: Publish this build?
  - name: publish
    command: [echo, published]
"""
EXAMPLES: Final[Mapping[str, Example]] = {
    "first": Example("A first pipeline", FIRST),
    "nightly": Example("On a schedule", _NIGHTLY),
    "reported": Example("Reported by another machine", _REPORTED),
    "decided": Example("With an approval", _DECIDED),
}
