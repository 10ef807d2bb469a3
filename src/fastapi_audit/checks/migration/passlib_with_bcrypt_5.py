"""passlib together with bcrypt 5

passlib is not maintained any more and calls bcrypt with a probe of 73 bytes, which bcrypt 5 refuses. Measured: every
`CryptContext(schemes=["bcrypt"]).hash(…)` and `.verify(…)` raises `ValueError: password cannot be longer than 72
bytes`, so nobody can log in or register.

## Use instead
`pwdlib` or `bcrypt` itself; `bcrypt<5` until then.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://github.com/pyca/bcrypt/blob/main/README.rst#changelog"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from passlib.context import CryptContext

                app = FastAPI()
                passwords = CryptContext(schemes=["bcrypt"])  # finding


                @app.post("/users")
                def register(password: str) -> str:
                    return passwords.hash(password)
                """,
                "requirements.txt": """
                fastapi
                passlib==1.7.4
                bcrypt==5.0.0
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from passlib.context import CryptContext

                app = FastAPI()
                passwords = CryptContext(schemes=["bcrypt"])
                """,
                "requirements.txt": """
                fastapi
                passlib==1.7.4
                bcrypt==4.3.0
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from passlib.context import CryptContext

                app = FastAPI()
                passwords = CryptContext(schemes=["argon2"])
                """,
                "requirements.txt": """
                fastapi
                passlib==1.7.4
                bcrypt==5.0.0
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from passlib.context import CryptContext

            app = FastAPI()
            passwords = CryptContext(schemes=["bcrypt"])
            """
        ),
    ],
)


@rule.check(of=["passlib.context.CryptContext"])
def contexts(call: Call, project: Project) -> Iterator[Finding]:
    schemes = call.argument("schemes", 0)
    known = schemes.constant if schemes is not None else None
    if not isinstance(known, list) or "bcrypt" not in known:
        return
    if project.uses("bcrypt>=5"):
        yield call.finding(
            f"Bcrypt {project.versions.get('bcrypt', '5 and later')} refuses what passlib calls it with: every hash and every login raises `ValueError`. Use `pwdlib`, or "
            "pin `bcrypt<5`."
        )


@rule.proof(needs=("passlib", "bcrypt"))
def nobody_can_register(bad: Served) -> None:
    """Hashing raises for a password of any length."""
    assert bad.post("/users?password=x").status_code == 500
    bad.stop()
    assert "password cannot be longer than 72 bytes" in bad.log
