"""CoinGecko as a source: the client, its responses, the quotes in them."""
