"""A simulated market as a source: for demos, and without a network."""
