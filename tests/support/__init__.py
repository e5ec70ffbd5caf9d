"""What tests share and is no test itself: programs to start, fakes, browsers, helpers."""
