"""Item 16: Migration from Flask and Django."""
