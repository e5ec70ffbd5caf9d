"""Log lines: their format, the ids they carry, and what is kept out of them."""
