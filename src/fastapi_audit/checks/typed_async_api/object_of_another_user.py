"""One user reads the objects of another

The operation asks who is calling and then looks the object up by the number in the path alone. Whoever is signed in
reads all of them by counting: it is the first of OWASP's ten risks of an API, and no scanner of the source can know
whom an object belongs to. The probe asks with two users for what only the list of one of them shows.

## Use instead
Look the object up among those of the caller (`where(Lead.id == lead_id, Lead.owner_id == user.id)`) and answer 404 for
all others. An object that every user may read should stand in everybody's list.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ForeignObject
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

FIRST, SECOND = "X-User: ada", "X-User: bob"

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-639",
    references=["https://owasp.org/API-Security/editions/2023/en/0xa1-broken-object-level-authorization/"],
    examples=[
        Bad(
            {
                "main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI, HTTPException
                from fastapi.security import APIKeyHeader

                def signed_in(name: Annotated[str, Depends(APIKeyHeader(name="X-User"))]) -> str:
                    return name

                LEADS = {7: {"id": 7, "owner": "ada"}, 8: {"id": 8, "owner": "bob"}}
                app = FastAPI()

                @app.get("/leads")
                async def leads(user: Annotated[str, Depends(signed_in)]) -> list[dict[str, int | str]]:
                    return [lead for lead in LEADS.values() if lead["owner"] == user]

                @app.get("/leads/{lead_id}", dependencies=[Depends(signed_in)])
                async def lead(lead_id: int) -> dict[str, int | str]:
                    if lead_id not in LEADS:
                        raise HTTPException(404)
                    return LEADS[lead_id]
                """,
                "headers.txt": FIRST,
                "second-headers.txt": SECOND,
            }
        ),
        Good(
            {
                "main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI, HTTPException
                from fastapi.security import APIKeyHeader

                def signed_in(name: Annotated[str, Depends(APIKeyHeader(name="X-User"))]) -> str:
                    return name

                LEADS = {7: {"id": 7, "owner": "ada"}, 8: {"id": 8, "owner": "bob"}}
                app = FastAPI()

                @app.get("/leads")
                async def leads(user: Annotated[str, Depends(signed_in)]) -> list[dict[str, int | str]]:
                    return [lead for lead in LEADS.values() if lead["owner"] == user]

                @app.get("/leads/{lead_id}")
                async def lead(lead_id: int, user: Annotated[str, Depends(signed_in)]) -> dict[str, int | str]:
                    if lead_id not in LEADS or LEADS[lead_id]["owner"] != user:
                        raise HTTPException(404)
                    return LEADS[lead_id]
                """,
                "headers.txt": FIRST,
                "second-headers.txt": SECOND,
            }
        ),
        Good(
            {
                "main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI
                from fastapi.security import APIKeyHeader

                def signed_in(name: Annotated[str, Depends(APIKeyHeader(name="X-User"))]) -> str:
                    return name

                app = FastAPI()

                @app.get("/products", dependencies=[Depends(signed_in)])
                async def products() -> list[dict[str, int]]:
                    return [{"id": 7}, {"id": 8}]

                @app.get("/products/{number}", dependencies=[Depends(signed_in)])
                async def product(number: int) -> dict[str, int]:
                    return {"id": number}

                @app.get("/seen")
                async def seen(user: Annotated[str, Depends(signed_in)]) -> list[dict[str, int]]:
                    return [{"id": len(user)}] if user == "ada" else []

                @app.get("/seen/{number}")
                async def page(number: int) -> dict[str, int]:
                    return {"id": number}
                """,
                "headers.txt": FIRST,
                "second-headers.txt": SECOND,
            },
            decided=False,
        ),
    ],
)


@rule.check
def read_by_another(seen: ForeignObject) -> Iterator[Finding | Undecided]:
    if seen.is_read:
        yield Finding(
            f"`{seen.operation}` shows any user who is signed in what only another one's list shows. Look it up among what "
            "belongs to the caller, and answer 404 for all else.",
            operation=seen.operation,
            # A list of favourites differs by user too, though what it names is for everybody.
            confidence=Confidence.MEDIUM,
            observations=(
                seen.foreign.observation("the second user reads an object that only the first one's list shows"),
            ),
        )
    elif not seen.foreign.answered:
        yield Undecided("the second user got no answer")


@rule.proof
def bob_reads_adas_lead(bad: Served) -> None:
    bob = {"X-User": "bob"}
    assert bad.get("/leads/7").status_code in (401, 403)
    assert '"id":7' not in bad.get("/leads", headers=bob).text
    assert bad.get("/leads/7", headers=bob).json() == {"id": 7, "owner": "ada"}
