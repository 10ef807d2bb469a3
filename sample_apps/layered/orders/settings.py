"""What differs between machines."""

from functools import lru_cache

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ORDERS_")

    api_prefix: str = "/api"
    admin_path: str = "/admin"
    debug: bool = True
    prices_url: str = "http://prices.internal"


@lru_cache
def get_settings() -> Settings:
    return Settings()
