"""Clients and what they subscribe to: watches, events, webhooks, feedback."""
