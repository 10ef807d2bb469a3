"""What the Python files say; nothing is imported or run."""
