"""A lead-management API for several tenants."""
