import os

DEBUG = os.getenv("DEBUG", "False")
SECRET_KEY = os.getenv("SECRET_KEY", "changeme-secret-key")
ADMIN_PASSWORD = "admin123"
DATABASE_URL = os.getenv("DATABASE_URL", "sqlite+aiosqlite:///prototype.db")
CRM_URL = os.getenv("CRM_URL", "http://127.0.0.1:9")
LLM_URL = os.getenv("LLM_URL", "http://127.0.0.1:9")
LLM_API_KEY = os.getenv("LLM_API_KEY", "sk-live-3f9a7c52e1d84b06")
