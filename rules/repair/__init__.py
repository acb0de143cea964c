"""Whether a listing may be repaired, by both measures."""
