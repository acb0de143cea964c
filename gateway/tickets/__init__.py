"""Clearance tickets: signing and verifying."""
