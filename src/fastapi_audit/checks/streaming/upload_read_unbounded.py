"""Whole upload read into memory

`await file.read()` without a size, `file.file.read()` and `bytes = File()` hold the whole upload in memory: a file of
200 MB took the process from 54 to 254 MB. A few of them at once and the kernel kills the container. Reading in chunks
stays at 53 MB.

## Use instead
`while chunk := await file.read(1 << 20)` with a counter that answers 413, and a limit of the body's size
(`FastAPI(max_body_size=…)` from 0.165, or the proxy's).
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Project, Route, app_limits_body, limits_body, looks_at_size
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/request-files/"],
    cwe="CWE-770",
    examples=[
        Bad(
            """
            from fastapi import FastAPI, UploadFile

            app = FastAPI()

            @app.post("/upload")
            async def upload(file: UploadFile) -> int:
                content = await file.read()  # finding
                return len(content)
            """
        ),
        Bad(
            """
            from typing import Annotated

            from fastapi import FastAPI, File, UploadFile

            app = FastAPI()

            def parse(upload: UploadFile) -> bytes:
                return upload.file.read()  # finding

            @app.post("/files")
            def files(file: UploadFile) -> int:
                return len(parse(file))

            @app.post("/bytes")
            def whole(file: Annotated[bytes, File()]) -> int:  # finding
                return len(file)
            """
        ),
        Good(
            """
            import shutil

            from fastapi import FastAPI, HTTPException, UploadFile

            app = FastAPI()

            @app.post("/chunks")
            async def chunks(file: UploadFile) -> int:
                size = 0
                while chunk := await file.read(1 << 20):
                    size += len(chunk)
                return size

            @app.post("/checked")
            async def checked(file: UploadFile) -> int:
                if file.size is None or file.size > 1_000_000:
                    raise HTTPException(413)
                return len(await file.read())

            @app.post("/copied")
            def copied(file: UploadFile) -> None:
                with open("/tmp/upload", "wb") as target:
                    shutil.copyfileobj(file.file, target)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, UploadFile

            app = FastAPI(max_body_size=1_000_000)

            @app.post("/upload")
            async def upload(file: UploadFile) -> int:
                return len(await file.read())
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI, HTTPException, Request, UploadFile

                from archives import kept, size_of

                app = FastAPI()

                @app.post("/upload")
                async def upload(request: Request, file: UploadFile) -> int:
                    request_size = size_of(request)
                    if request_size > 1_000_000:
                        raise HTTPException(413)
                    return await kept(file)
                """,
                "archives.py": """
                from fastapi import HTTPException, Request, UploadFile

                def size_of(request: Request) -> int:
                    if "content-length" not in request.headers:
                        raise HTTPException(411)
                    return int(request.headers["content-length"])

                async def kept(file: UploadFile) -> int:
                    return len(await file.read())
                """,
            }
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, HTTPException, Request, UploadFile

            def small(request: Request) -> None:
                if int(request.headers.get("content-length", 0)) > 1_000_000:
                    raise HTTPException(413)

            app = FastAPI()

            @app.post("/upload", dependencies=[Depends(small)])
            async def upload(file: UploadFile) -> int:
                return len(await file.read())
            """
        ),
    ],
)


@rule.check(of=["fastapi.UploadFile.read", "fastapi.UploadFile.file.read"])
def whole_read(call: Call, project: Project) -> Iterator[Finding]:
    function = call.function
    if call.arguments or call.keywords or function is None or function.reach is None:
        return
    route = function.reach.route
    limited = limits_body(route) if route is not None else any(app_limits_body(a) for a in project.source.apps)
    if limited or _size_is_checked(function):
        return
    yield call.finding(
        f"`{call.callee.text}()` without a size holds the whole upload in memory: a few large files at once and the "
        "process is killed. Read in chunks and count them.",
        operation=function.reach.operation,
    )


@rule.check
def whole_parameter(route: Route) -> Iterator[Finding]:
    if route.function is None or limits_body(route):
        return
    for parameter in route.function.parameters:
        if parameter.type_name == "bytes" and parameter.marker("fastapi.File") is not None:
            yield Finding(
                f"`{parameter.name}: bytes` of `{route.operation}` holds the whole upload in memory: a few large files "
                "at once and the process is killed. Take an `UploadFile` and read in chunks.",
                parameter.location,
                route.operation,
            )


def _size_is_checked(function: Function) -> bool:
    """Whether the size of this upload is looked at, here or wherever it is handed on from."""
    if looks_at_size(function):
        return True
    handed_by = [c.function for c in function.callers]
    return bool(handed_by) and all(f is not None and looks_at_size(f) for f in handed_by)


@rule.proof(needs=["python-multipart"])
def memory_grows_by_the_upload(bad: Served) -> None:
    bad.post("/upload", files={"file": b"x"})
    before = bad.peak_memory
    bad.post("/upload", files={"file": b"x" * 80_000_000}, timeout=60)
    assert bad.peak_memory - before > 60_000_000
