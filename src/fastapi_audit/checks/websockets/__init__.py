"""Item 7: WebSockets."""
