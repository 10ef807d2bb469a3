"""The folder that a server which the probe starts has on its PYTHONPATH; nothing else is in it."""
