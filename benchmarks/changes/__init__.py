"""Compares what is found in real applications with what was found before."""
