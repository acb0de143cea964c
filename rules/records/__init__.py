"""Feed records and the authorities that send them."""
