"""The API over the fakes, spoken to as a client does: by HTTP."""
