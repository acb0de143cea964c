"""``creditgate feed`` and ``creditgate feeds``: a department's files, and the state of all feeds."""
