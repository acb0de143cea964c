"""The columns that each authority's format names."""
