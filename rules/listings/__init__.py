"""Listings: their content, life cycle and validity."""
