"""The language model that summarises a lead."""

from typing import Annotated

import httpx
from fastapi import Depends
from fastapi.requests import HTTPConnection
from pydantic import BaseModel, Field, ValidationError

from leads.errors import ModelUnavailable
from leads.metrics import MODEL_TOKENS
from leads.settings import Settings
from leads.tables import Lead

# Below nginx' and gunicorn's patience, so that the client gets an answer and a restart can wait for it.
TIMEOUT = httpx.Timeout(20, connect=3, pool=3)
LIMITS = httpx.Limits(max_connections=50, max_keepalive_connections=10)
OUTPUT_TOKENS = 200


class Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Text(BaseModel):
    content: str


class Choice(BaseModel):
    message: Text


class Completion(BaseModel):
    choices: list[Choice] = Field(min_length=1)
    usage: Usage = Usage()


class LanguageModel:
    """Any server with an OpenAI-compatible chat interface."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self.client = client
        self.url = settings.model_url
        self.name = settings.model_name
        self.key = settings.model_key

    async def summarise(self, lead: Lead, tenant_label: str) -> str:
        prompt = f"Summarise this sales lead in two sentences: {lead.name}, {lead.company}, stage {lead.stage}."
        completion = await self.complete(prompt)
        MODEL_TOKENS.labels(tenant_label, "prompt").inc(completion.usage.prompt_tokens)
        MODEL_TOKENS.labels(tenant_label, "completion").inc(completion.usage.completion_tokens)
        return completion.choices[0].message.content

    async def complete(self, prompt: str) -> Completion:
        if self.url is None:
            raise ModelUnavailable("no language model is configured")
        body = {
            "model": self.name,
            "max_tokens": OUTPUT_TOKENS,
            "messages": [{"role": "user", "content": prompt}],
        }
        headers = {"Authorization": f"Bearer {self.key.get_secret_value()}"} if self.key else {}
        try:
            answer = await self.client.post(f"{self.url}/chat/completions", json=body, headers=headers)
            answer.raise_for_status()
            return Completion.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise ModelUnavailable("the language model gave no usable answer") from error


async def get_language_model(connection: HTTPConnection) -> LanguageModel:
    model: LanguageModel = connection.state.language_model
    return model


Model = Annotated[LanguageModel, Depends(get_language_model)]
