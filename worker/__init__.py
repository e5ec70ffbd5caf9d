"""The worker: polls a source on schedule and stores what it says. The web never imports it."""
