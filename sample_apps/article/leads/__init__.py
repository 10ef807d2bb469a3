"""The article's API: what its snippets look like when they are put together."""
