"""The HTTP statuses that say whose fault an answer is."""

CLIENT_ERROR = 400
"""From here on what was asked was not done."""
SERVER_ERROR = 500
"""From here on the service is at fault; a refusal such as 404 is an answer."""

UNHANDLED = 500
"""What FastAPI answers for a handler that raised; 502 to 504 are said on purpose, of something behind it."""
NOT_REACHED = frozenset({None, 0, 401, 403, 405, 415, 422, 429})
"""What is said before a handler is asked; `None` or 0 is no answer."""
