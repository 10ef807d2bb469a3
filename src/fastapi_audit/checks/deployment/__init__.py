"""Item 9: Deployment."""
