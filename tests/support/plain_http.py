"""A TLS context for requests in plain HTTP. httpx would load the machine's trusted authorities for each client, which takes 20 ms."""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For httpx's `verify`. It trusts no authority."""
