"""The register in Redis: keys, reads, writes, rebuild and verification."""
