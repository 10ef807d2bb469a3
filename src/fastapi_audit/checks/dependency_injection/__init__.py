"""Item 1: Dependency injection."""
