"""What programs read: the stream, prices, history, probes, metrics, and their description."""
