"""When a connection to the database is given up because the network loses everything, with nothing that says so."""

from typing import Final

NETWORK_LIMITS: Final = {"tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
"""libpq's options, in milliseconds and seconds. Linux alone would wait for up to 15 minutes, even if the network is back.

A frozen server is not affected, because its kernel still acknowledges what arrives. Unix sockets ignore the options.
"""
