"""What differs between machines, read once from the environment."""

from functools import lru_cache
from typing import Annotated, Literal, Self

from fastapi import Depends
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LOCAL_DATABASE = "sqlite+aiosqlite:///leads.db"


class Settings(BaseSettings):
    """No secret has a default: a missing one stops the service instead of opening it."""

    model_config = SettingsConfigDict(
        env_prefix="LEADS_",
        env_file=".env",
        extra="ignore",
        # A secret that is too short would otherwise be printed in the error that rejects it.
        hide_input_in_errors=True,
    )

    environment: Literal["development", "production"] = "development"
    secret_key: SecretStr = Field(min_length=32)
    metrics_token: SecretStr = Field(min_length=32)

    database_url: SecretStr | None = Field(None, min_length=1)
    replica_url: SecretStr | None = Field(None, min_length=1)
    redis_url: SecretStr | None = Field(None, min_length=1)
    # 2 workers x 2 engines x (5 + 5) = 40 connections, twice that while a new version replaces the old: below
    # PostgreSQL's 100.
    pool_size: int = Field(5, ge=1, le=50)
    pool_overflow: int = Field(5, ge=0, le=50)

    allowed_hosts: list[str] = ["localhost", "127.0.0.1"]
    allowed_origins: list[str] = []
    expose_docs: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    webhook_url: str | None = None
    model_url: str | None = None
    model_key: SecretStr | None = Field(None, min_length=16)
    model_name: str = "small"

    @model_validator(mode="after")
    def production_is_shared(self) -> Self:
        """In-process stores would differ between workers."""
        if self.environment == "production" and not (self.database_url and self.redis_url):
            raise ValueError("production needs LEADS_DATABASE_URL and LEADS_REDIS_URL")
        return self

    @property
    def database(self) -> str:
        return self.database_url.get_secret_value() if self.database_url else LOCAL_DATABASE

    @property
    def replica(self) -> str | None:
        return self.replica_url.get_secret_value() if self.replica_url else None

    @property
    def redis(self) -> str | None:
        return self.redis_url.get_secret_value() if self.redis_url else None


@lru_cache
def get_settings() -> Settings:
    return Settings()


async def current_settings() -> Settings:
    """Awaited, because FastAPI sends a plain function through the thread pool on every request."""
    return get_settings()


CurrentSettings = Annotated[Settings, Depends(current_settings)]
