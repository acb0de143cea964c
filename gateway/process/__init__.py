"""Processes and sockets: one gateway process, or several that share a port.

    creditgate serve ─┬─ prefork: slots of sockets ─▶ worker ─┐ (parent_pipe: "serving", "closing")
                      └─ one process ─────────────────────────┴─▶ server ─▶ listener ─▶ connection_limit ─▶ protocols
                                                                    └ SIGTERM ─▶ drain

It is the top of the gateway: it may import every other room of it.
"""
