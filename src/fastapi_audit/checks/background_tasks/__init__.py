"""Item 6: Background tasks."""
