"""The routes, one module per purpose."""
