"""Item 15: Monitoring."""
