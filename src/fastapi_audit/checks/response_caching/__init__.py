"""Item 11: Response caching."""
