"""What the OpenAPI document shows of tokens, accounts and the audit log."""

from typing import Any

NEW_TOKEN: dict[str, Any] = {"name": "ci", "scopes": ["trigger", "read"], "pipeline": None, "expires_at": "2036-01-01T00:00:00Z"}
TOKEN: dict[str, Any] = {
    "id": 3,
    "name": "ci",
    "kind": "api",
    "scopes": ["read", "trigger"],
    "pipeline_id": None,
    "hint": "x9Zq",
    "created_by": "ada",
    "created_at": "2026-11-23T09:00:00Z",
    "expires_at": "2036-01-01T00:00:00Z",
    "used_on": "2026-11-24T00:00:00Z",
    "revoked_at": None,
}
CREATED_TOKEN: dict[str, Any] = {**TOKEN, "used_on": None, "token": "hg_api_…"}
NEW_ACCOUNT: dict[str, Any] = {"name": "ada", "role": "operator", "password": "a few words of her own"}
ACCOUNT_CHANGE: dict[str, Any] = {"role": "admin"}
ACCOUNT: dict[str, Any] = {
    "name": "ada",
    "role": "operator",
    "by_provider": False,
    "created_at": "2026-11-23T09:00:00Z",
    "seen_at": None,
    "disabled_at": None,
}
ENTRY: dict[str, Any] = {
    "id": 42,
    "at": "2026-11-23T09:00:00Z",
    "deed": "triggered",
    "who": "ada",
    "way": "session",
    "address": "10.0.0.7",
    "thing": "run 7",
    "details": {"pipeline": "flights", "by": "dashboard"},
}
