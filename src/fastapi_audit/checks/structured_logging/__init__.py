"""Item 2: Structured logging."""
