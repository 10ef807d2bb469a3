"""Item 8: Health checks."""
