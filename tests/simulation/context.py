"""The context that all actors of a simulation share."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.actors.change_feed import FeedRegistry
from tests.simulation.actors.prefect import SimulatedPrefect
from tests.simulation.actors.store import SimulatedStore
from tests.simulation.history import History
from tests.simulation.ledger import Ledger
from tests.simulation.plan import Plan
from tests.simulation.runtime.network import Network
from tests.simulation.schedules.store_clock import StoreClock

if TYPE_CHECKING:
    from tests.simulation.actors.web import Web


@dataclass(slots=True)
class SimulationContext:
    plan: Plan
    clock: StoreClock
    random: Random
    """Draws the decisions of the actors."""
    store: SimulatedStore
    prefect: SimulatedPrefect
    network: Network
    feeds: FeedRegistry
    history: History
    ledger: Ledger
    report_defect: Callable[[str], None]
    note: Callable[..., None]
    webs: list["Web"]

    def pick_web(self) -> "Web":
        """Return any web process, as a load balancer that does not know which are up."""
        return self.webs[int(self.random.random() * len(self.webs))]
