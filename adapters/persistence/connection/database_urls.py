"""A database's address, as each library wants it."""

from __future__ import annotations

from sqlalchemy import URL, make_url


def sqlalchemy_url(url: str) -> URL:
    """The address with psycopg as its driver, whichever way `postgresql://` was written."""
    address = make_url(url)
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(f"Headgate needs a PostgreSQL address, not one of {address.get_backend_name()}.")
    return address.set(drivername="postgresql+psycopg")


def libpq_url(url: str) -> str:
    """The address for psycopg itself, password included."""
    return sqlalchemy_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
