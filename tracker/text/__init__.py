"""Values as text: numbers and times for every reader, a tick as a table for terminals."""
