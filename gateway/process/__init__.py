"""Processes and sockets: listening, preforking, draining."""
