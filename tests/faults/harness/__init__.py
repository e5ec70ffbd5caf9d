"""The running product under test, its readers, and the account of every tick."""
