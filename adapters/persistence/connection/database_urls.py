"""Converts a database URL to the form each library expects."""

from __future__ import annotations

from sqlalchemy import URL, make_url


def sqlalchemy_url(url: str) -> URL:
    """Return the URL with psycopg as its driver. Raise ValueError for a database other than PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(f"Headgate needs a PostgreSQL URL, not one for {parsed.get_backend_name()}.")
    return parsed.set(drivername="postgresql+psycopg")


def libpq_url(url: str) -> str:
    """Return the URL for psycopg itself, password included."""
    return sqlalchemy_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
