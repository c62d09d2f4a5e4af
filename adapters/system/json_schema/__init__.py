"""JSON Schema: definitions are checked when they are saved, and the work of checking parameters is bounded."""
