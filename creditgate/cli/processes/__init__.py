"""The commands that run processes: ``up`` starts ``worker`` and ``serve``; each module imports only what it runs."""
