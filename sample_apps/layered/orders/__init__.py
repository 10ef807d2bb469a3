"""Orders of a warehouse."""
