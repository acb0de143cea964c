"""Entry points: the command line and the supervisor of the embedded mode. They only wire; nothing imports them."""
