"""Keys for parties on other machines: files, and the ring of those that a broker lets in (docs/keys.md)."""
