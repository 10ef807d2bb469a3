"""Compares the source model with what real applications say of themselves at run time."""
