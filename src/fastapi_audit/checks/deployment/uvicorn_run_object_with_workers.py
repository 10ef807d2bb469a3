"""`uvicorn.run` gets the application itself together with workers

Worker processes and the reloader import the application by name. Given the object, uvicorn prints `You must pass the
application as an import string to enable 'reload' or 'workers'.` and exits with status 1 without serving anything.

## Use instead
`uvicorn.run("main:app", workers=4)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://uvicorn.dev/#running-programmatically"],
    examples=[
        Bad(
            """
            import uvicorn
            from fastapi import FastAPI

            app = FastAPI()

            if __name__ == "__main__":
                uvicorn.run(app, port=0, workers=2)  # finding
            """,
            fixed="""
            import uvicorn
            from fastapi import FastAPI

            app = FastAPI()

            if __name__ == "__main__":
                uvicorn.run("main:app", port=0, workers=2)
            """,
        ),
        Good(
            """
            import os

            import uvicorn
            from fastapi import FastAPI

            app = FastAPI()

            def serve() -> None:
                uvicorn.run(app, workers=1)

            def serve_as_told() -> None:
                uvicorn.run(app, workers=int(os.environ["WORKERS"]), reload=False)

            if __name__ == "__main__":
                uvicorn.run("main:app", workers=4)
            """
        ),
    ],
)


@rule.check(of=["uvicorn.run"])
def runs(call: Call) -> Iterator[Finding]:
    app = call.argument("app", 0)
    workers, reload = call.argument("workers"), call.argument("reload")
    if app is None or not app.is_a("fastapi.FastAPI", "starlette.applications.Starlette"):
        return
    several = workers.constant if workers is not None and not workers.is_default else None
    reloads = reload is not None and reload.constant is True and not reload.is_default
    if not reloads and not (isinstance(several, int) and several > 1):
        return
    local = app.kind == "name" and call.function is None
    name = f'"{call.file.name}:{app.text}"'
    yield call.finding(
        f"With {'`reload`' if reloads else 'workers'} uvicorn must be told where to import the application from; given the "
        f'object, it exits at once. Pass a string such as `"{call.file.name}:{app.text}"`.',
        fix=Fix("Name the application", (app.replace(name),), safe=True) if local else None,
    )


@rule.proof
def it_exits_without_serving(bad: Served) -> None:
    printed = bad.run(
        "import subprocess, sys\n"
        "server = subprocess.Popen([sys.executable, 'main.py'], stderr=subprocess.PIPE, text=True)\n"
        "for line in server.stderr:\n"
        "    print(line)\n"
        "    if 'Uvicorn running' in line:\n"
        "        server.terminate()\n"
        "        server.wait(10)\n"
        "        break\n"
        "else:\n"
        "    print('ended with', server.wait(10))\n"
    )

    assert "You must pass the application as an import string" in printed
    assert "ended with" in printed
