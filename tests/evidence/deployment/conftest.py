"""Lets every test here write a small deployment and read it."""

from deployed import reading

__all__ = ["reading"]
