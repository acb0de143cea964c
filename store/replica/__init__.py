"""The copy of the register that each gateway process keeps."""
