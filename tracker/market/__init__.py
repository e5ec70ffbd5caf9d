"""What the product is about, as pure values: quotes, ticks, freshness, candles."""
