"""Measures fastapi-audit on real applications; each package is one command."""
