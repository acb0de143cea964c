"""From the bytes of a check to its decision."""
