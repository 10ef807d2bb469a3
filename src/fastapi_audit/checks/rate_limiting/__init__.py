"""Item 4: Rate limiting."""
