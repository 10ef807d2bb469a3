from typing import Optional

from pydantic import BaseModel, validator


class LeadCreate(BaseModel):
    name: str
    email: str
    notes: Optional[str] = None

    @validator("email")
    def email_has_at(cls, value):
        if "@" not in value:
            raise ValueError("not an email address")
        return value


class LeadOut(BaseModel):
    id: int
    name: str
    email: str

    class Config:
        orm_mode = True


class ChatRequest(BaseModel):
    prompt: str
    password: Optional[str] = None
