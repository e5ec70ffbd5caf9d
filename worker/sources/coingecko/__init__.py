"""CoinGecko: the HTTP client, its responses, and the quotes in them."""
