"""Long scientific evidence: `make validate`."""
