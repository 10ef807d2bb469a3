"""Compares the time of a scan with that of ruff on the same tree."""
