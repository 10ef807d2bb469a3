"""Item 5: Middleware order."""
