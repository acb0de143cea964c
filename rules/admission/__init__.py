"""Whether a feed record may be accepted."""
