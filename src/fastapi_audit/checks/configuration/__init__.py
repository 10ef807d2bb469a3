"""Item 10: Configuration and secrets."""
