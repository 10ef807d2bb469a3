"""Item 14: Error handling."""
