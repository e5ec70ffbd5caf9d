"""The tests: of real processes, databases and sockets wherever one can be had."""
