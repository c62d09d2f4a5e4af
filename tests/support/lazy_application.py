"""An Application that copies a provider when a test first uses it."""

import threading
from typing import Any

from dependency_injector import providers

from entrypoints.container import Application


class LazyApplication:
    """The providers of an Application with these dependencies. Copying all of them takes longer than most tests of use cases."""

    def __init__(self, settings: Any, telemetry: Any, adapters: Any) -> None:
        self.settings, self.telemetry, self.adapters = providers.Object(settings), providers.Object(telemetry), adapters
        self._lock = threading.Lock()
        placeholders = Application.adapters.providers
        self._copies: dict[int, Any] = {id(placeholder): getattr(adapters, name) for name, placeholder in placeholders.items()}
        self._copies |= {id(Application.settings): self.settings, id(Application.telemetry): self.telemetry}

    def __getattr__(self, name: str) -> Any:
        if name not in Application.providers:
            raise AttributeError(f"The application has no provider {name!r}.")
        with self._lock:  # a test and the server's thread must not find what the other has half copied
            copy = providers.deepcopy(Application.providers[name], self._copies)
        setattr(self, name, copy)
        return copy

    @property
    def providers(self) -> dict[str, Any]:
        """All providers by name."""
        return {name: getattr(self, name) for name in Application.providers}
