"""What requests without TLS use instead of a context that has to load the authorities that the machine trusts, which takes 20 ms."""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For httpx's `verify`. It trusts no authority."""
