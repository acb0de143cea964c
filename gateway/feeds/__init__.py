"""From a delivery over HTTP to the feeds topic."""
