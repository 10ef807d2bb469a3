"""The entry point of the server."""

from orders.application import create_app
from orders.settings import get_settings

app = create_app(get_settings())
