"""Item 12: Bulk operations."""
