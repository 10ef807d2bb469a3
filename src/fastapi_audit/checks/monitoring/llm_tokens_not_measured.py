"""Language model used without counting its tokens

The service calls a language model and measures itself, but no metric counts tokens. Cost and rate limits of the model
grow with tokens, not with requests: a prompt that doubles is invisible until the bill comes.

## Use instead
A counter of prompt and completion tokens by model and tenant, fed from the `usage` of every answer, or the
OpenTelemetry instrumentation of the client (`gen_ai.client.token.usage`).
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, ExportedMetrics, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Severity, Undecided

CALLS = re.compile(
    r"^(openai\.(Async)?(AzureOpenAI|OpenAI)\.(chat\.completions|responses|completions)\.(create|parse|stream)"
    r"|openai\.AsyncAzureOpenAI\.(chat\.completions|responses)\.(create|parse|stream)"
    r"|anthropic\.(Async)?Anthropic\.(beta\.)?messages\.(create|stream)"
    r"|litellm\.a?completion|groq\.(Async)?Groq\.chat\.completions\.create"
    r"|google\.generativeai\.GenerativeModel\.generate_content(_async)?)$"
)
METHODS = frozenset(
    {"create", "parse", "stream", "completion", "acompletion", "generate_content", "generate_content_async"}
)
COUNTED = re.compile(r"token")
INSTRUMENTED = ("opentelemetry.instrumentation.openai", "opentelemetry.instrumentation.anthropic", "openlit", "langfuse",
                "traceloop", "langsmith", "helicone", "opentelemetry.instrumentation.openai_v2", "openinference")  # fmt: skip

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/"],
    unproven="nothing fails when tokens are not counted, and a language model is an external service",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from openai import AsyncOpenAI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            client = AsyncOpenAI()
            Instrumentator().instrument(app)


            @app.post("/summaries")
            async def summarise(text: str) -> str:
                answer = await client.chat.completions.create(model="small", messages=[{"role": "user", "content": text}])  # finding
                return answer.choices[0].message.content
            """,
            live=False,
        ),
        Good(
            """
            import httpx
            from fastapi import FastAPI
            from prometheus_client import Counter, make_asgi_app

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())
            TOKENS = Counter("language_model_tokens_total", "Tokens", ["kind"])
            TOKENS.labels("prompt"), TOKENS.labels("completion")


            @app.post("/summaries")
            async def summarise(text: str) -> str:
                async with httpx.AsyncClient() as client:
                    answer = await client.post("http://model/v1/chat", json={"text": text})
                usage = answer.json()["usage"]
                TOKENS.labels("prompt").inc(usage["prompt_tokens"])
                return answer.text
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from openai import AsyncOpenAI
            from prometheus_client import Counter

            app = FastAPI()
            client = AsyncOpenAI()
            TOKENS = Counter("language_model_tokens_total", "Tokens", ["kind"])


            @app.post("/summaries")
            async def summarise(text: str) -> str:
                answer = await client.chat.completions.create(model="small", messages=[{"role": "user", "content": text}])
                TOKENS.labels("prompt").inc(answer.usage.prompt_tokens)
                return answer.choices[0].message.content
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from openai import AsyncOpenAI

            app = FastAPI()
            client = AsyncOpenAI()


            @app.post("/summaries")
            async def summarise(text: str) -> str:
                answer = await client.chat.completions.create(model="small", messages=[{"role": "user", "content": text}])
                return answer.choices[0].message.content
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from openai import AsyncOpenAI
            from opentelemetry.instrumentation.openai import OpenAIInstrumentor
            from prometheus_fastapi_instrumentator import Instrumentator

            OpenAIInstrumentor().instrument()
            app = FastAPI()
            client = AsyncOpenAI()
            Instrumentator().instrument(app)


            @app.post("/summaries")
            async def summarise(text: str) -> str:
                answer = await client.chat.completions.create(model="small", messages=[{"role": "user", "content": text}])
                return answer.choices[0].message.content
            """,
            live=False,
        ),
    ],
)


@rule.check
def uncounted(project: Project) -> Iterator[Finding]:
    source = project.source
    if not source.exports_metrics or any(COUNTED.search(m.words) for m in source.metrics):
        return
    if any(m.imports_any(*INSTRUMENTED) for m in source.application_modules):
        return
    calls = [c for b in source.bodies for c in b.calls if is_model_call(c)]
    if calls:
        yield calls[0].finding(
            f"The service calls a language model in {len(calls)} place{'s' if len(calls) > 1 else ''} and no metric counts tokens: "
            "its cost is invisible. Count what `usage` of the answer says."
        )


def is_model_call(call: Call) -> bool:
    return call.method in METHODS and CALLS.match(call.name or "") is not None


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Refutation | Undecided]:
    if metrics.scrape and (figure := metrics.figure("tokens")):
        seen = metrics.scrape.observation("what Prometheus reads")
        yield Refutation(f"`{figure.source}` counts tokens.", observations=(seen,))
    else:
        yield Undecided(f"{metrics.unknown('tokens')}; only the files tell whether there is a language model")
