"""Compares the probe's latencies with what servers of a known behaviour recorded themselves, and with wrk."""
