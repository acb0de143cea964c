"""Who a record or a check is about: numbers, names, subject keys."""
