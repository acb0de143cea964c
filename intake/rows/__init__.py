"""From a row to a feed record."""
