"""From a file's bytes to rows of cells."""
