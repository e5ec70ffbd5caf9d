"""What breaks, on purpose: the whole product as real processes, and a ledger of every event."""
