"""What keeps load within bounds: rate limit, concurrency limit, load shedder."""
