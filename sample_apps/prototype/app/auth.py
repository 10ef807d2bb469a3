import hashlib
import secrets
from functools import lru_cache

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from slowapi import Limiter
from slowapi.util import get_remote_address
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import ADMIN_PASSWORD, SECRET_KEY
from app.database import SessionLocal, User, get_db

limiter = Limiter(key_func=get_remote_address, default_limits=["100/minute"])
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="login", auto_error=False)
router = APIRouter()

TOKENS = {}


def hash_password(password):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), SECRET_KEY.encode(), 200_000).hex()


async def create_admin():
    async with SessionLocal() as db:
        if await db.scalar(select(User).where(User.email == "admin@example.com")) is None:
            db.add(User(email="admin@example.com", password_hash=hash_password(ADMIN_PASSWORD)))
            await db.commit()


async def get_current_user(token: str = Depends(oauth2_scheme), db: AsyncSession = Depends(get_db)):
    user_id = TOKENS.get(token)
    return await db.get(User, user_id) if user_id else User(id=0, email="anonymous")


@lru_cache
async def get_features():
    return {"chat": True, "export": True}


@limiter.limit("5/minute")
@router.post("/login")
async def login(request: Request, form: OAuth2PasswordRequestForm = Depends(), db: AsyncSession = Depends(get_db)):
    print("login attempt", form.username, form.password)
    user = await db.scalar(select(User).where(User.email == form.username))
    if not user or user.password_hash != hash_password(form.password):
        return {"error": "wrong email or password"}, 401
    token = secrets.token_hex(16)
    TOKENS[token] = user.id
    return {"access_token": token, "token_type": "bearer"}


@router.get("/me")
async def me(user: User = Depends(get_current_user)):
    return user


@router.get("/features")
async def features(flags: dict = Depends(get_features)):
    return flags
