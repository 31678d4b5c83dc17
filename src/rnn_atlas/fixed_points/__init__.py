"""Fixed points: search, certificate and audit, without stages and stores."""
