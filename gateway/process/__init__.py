"""Processes and sockets: one gateway process, or several that share a port.

    creditgate serve ─┬─ prefork: slots of sockets ─▶ worker ─┐ (parent_pipe: "serving", "closing")
                      └─ one process ─────────────────────────┴─▶ server ─▶ listener ─▶ connection_limit ─▶ protocols
                                                                    └ SIGTERM ─▶ drain

The top of the gateway: may import every other sub-package of it.
"""
