"""What a platform does after a check: locks, decisions, watches, webhooks, events."""
