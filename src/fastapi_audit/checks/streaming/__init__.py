"""Item 13: Streaming."""
