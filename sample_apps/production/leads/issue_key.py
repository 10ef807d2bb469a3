"""Issues an API key for a tenant and prints it, once: `python -m leads.issue_key NAME`."""

import argparse
import asyncio
import secrets

from sqlalchemy import select

from leads.database import create_engine, create_sessions
from leads.security import keyed_digest
from leads.settings import get_settings
from leads.tables import ApiKey, Tenant


async def issue(name: str) -> str:
    settings = get_settings()
    engine = create_engine(settings, settings.database, "command")
    key = secrets.token_urlsafe(32)
    async with create_sessions(engine).begin() as session:
        tenant = await session.scalar(select(Tenant).where(Tenant.name == name)) or Tenant(name=name)
        session.add(tenant)
        await session.flush()
        session.add(ApiKey(tenant_id=tenant.id, digest=keyed_digest(settings, key)))
    await engine.dispose()
    return key


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("tenant")
    print(asyncio.run(issue(arguments.parse_args().tenant)))
