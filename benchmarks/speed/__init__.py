"""Compares the time of a scan with that of other tools on the same trees."""
