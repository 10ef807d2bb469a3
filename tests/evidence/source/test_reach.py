"""Which code runs on the event loop and by which way: contexts, hand-offs, helpers across modules."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, Reach, gather

MAIN = """
import asyncio
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

import anyio
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

import service
from service import Client, wait as pause

app = FastAPI()


def block():
    time.sleep(1)
"""

SERVICE = """
import asyncio
import time

from fastapi import Depends


def wait():
    time.sleep(1)


async def wait_inside():
    wait()


class Client:
    def fetch(self):
        time.sleep(1)

    async def afetch(self):
        self.fetch()


def get_client() -> Client:
    return Client()


client = Client()
"""

ON_LOOP = {
    "a route": ('@app.get("/")\nasync def f():\n    time.sleep(1)', "route", "f"),
    "a helper of a route": ('@app.get("/")\nasync def f():\n    block()', "route", "f → block"),
    "a helper of a helper": (
        'def outer():\n    block()\n\n@app.get("/")\nasync def f():\n    outer()',
        "route",
        "f → outer → block",
    ),
    "a helper of another module": ('@app.get("/")\nasync def f():\n    service.wait()', "route", "f → wait"),
    "a helper under another name": ('@app.get("/")\nasync def f():\n    pause()', "route", "f → wait"),
    "a coroutine of another module": (
        '@app.get("/")\nasync def f():\n    await service.wait_inside()',
        "route",
        "f → wait_inside → wait",
    ),
    "a method of a shared object": ('@app.get("/")\nasync def f():\n    service.client.fetch()', "route", "f → fetch"),
    "a method of a local object": (
        '@app.get("/")\nasync def f():\n    c = Client()\n    c.fetch()',
        "route",
        "f → fetch",
    ),
    "a method that calls another": (
        '@app.get("/")\nasync def f():\n    await service.client.afetch()',
        "route",
        "f → afetch → fetch",
    ),
    "a method of an annotated parameter": (
        'def helper(c: Client):\n    c.fetch()\n\n@app.get("/")\nasync def f():\n    helper(Client())',
        "route",
        "f → helper → fetch",
    ),
    "a method of what a dependency provides": (
        '@app.get("/")\nasync def f(c=Depends(service.get_client)):\n    c.fetch()',
        "route",
        "f → fetch",
    ),
    "a list comprehension": ('@app.get("/")\nasync def f():\n    return [block() for _ in "ab"]', "route", "f → block"),
    "a generator that is consumed at once": (
        'def rows():\n    block()\n    yield 1\n\n@app.get("/")\nasync def f():\n    return list(rows())',
        "route",
        "f → rows → block",
    ),
    "a generator in a variable that a loop runs over": (
        (
            "def rows():\n    block()\n    yield 1\n\n"
            '@app.get("/")\nasync def f():\n    found = rows()\n    for row in found:\n        print(row)'
        ),
        "route",
        "f → rows → block",
    ),
    "a context manager": (
        (
            "@contextmanager\ndef held():\n    block()\n    yield\n\n"
            '@app.get("/")\nasync def f():\n    with held():\n        return 1'
        ),
        "route",
        "f → held → block",
    ),
    "a partial that is called": (
        '@app.get("/")\nasync def f():\n    work = functools.partial(block)\n    work()',
        "route",
        "f → block",
    ),
    "a task on the loop": (
        'async def work():\n    block()\n\n@app.get("/")\nasync def f():\n    asyncio.create_task(work())',
        "route",
        "f → work → block",
    ),
    "coroutines gathered": (
        'async def work():\n    block()\n\n@app.get("/")\nasync def f():\n    await asyncio.gather(work(), work())',
        "route",
        "f → work → block",
    ),
    "what is called for a thread instead of handed over": (
        '@app.get("/")\nasync def f():\n    await run_in_threadpool(block())',
        "route",
        "f → block",
    ),
    "a client of Amazon": (
        'import boto3\n\n@app.get("/")\nasync def f():\n    boto3.client("s3").put_object()',
        "route",
        "f",
    ),
    "a queue that waits": ('import queue\n\n@app.get("/")\nasync def f():\n    queue.Queue().get()', "route", "f"),
    "a function that a task group starts": (
        (
            "async def work():\n    block()\n\n@app.get('/')\nasync def f():\n"
            "    async with anyio.create_task_group() as group:\n        group.start_soon(work)"
        ),
        "route",
        "f → work → block",
    ),
    "a file that is read": (
        '@app.get("/")\nasync def f():\n    with open("x") as file:\n        return file.read()',
        "route",
        "f",
    ),
    "what a variable keeps until it is forgotten": (
        (
            "kept = None\n\ndef load():\n    global kept\n    if kept is not None:\n        return kept\n    block()\n"
            "    kept = 1\n    return kept\n\ndef forget():\n    global kept\n    kept = None\n\n"
            '@app.get("/")\nasync def f():\n    forget()\n    load()'
        ),
        "route",
        "f → load → block",
    ),
    "what runs only when a variable is there": (
        (
            "kept = None\n\ndef load():\n    global kept\n    if kept is None:\n        return\n    block()\n"
            "    kept = None\n\n"
            '@app.get("/")\nasync def f():\n    load()'
        ),
        "route",
        "f → load → block",
    ),
    "an asynchronous dependency": (
        'async def d():\n    block()\n\n@app.get("/")\ndef f(x=Depends(d)):\n    return x',
        "dependency",
        "d → block",
    ),
    "a dependency of a dependency": (
        (
            "async def inner():\n    block()\n\ndef outer(x=Depends(inner)):\n    return x\n\n"
            '@app.get("/")\ndef f(x=Depends(outer)):\n    return x'
        ),
        "dependency",
        "inner → block",
    ),
    "a middleware": (
        '@app.middleware("http")\nasync def m(request: Request, call_next):\n    block()\n    await call_next(request)',
        "middleware",
        "m → block",
    ),
    "an exception handler": (
        "@app.exception_handler(ValueError)\nasync def h(request, error):\n    block()",
        "exception-handler",
        "h → block",
    ),
    "a WebSocket": ('@app.websocket("/ws")\nasync def w(socket: WebSocket):\n    block()', "websocket", "w → block"),
    "an asynchronous background task": (
        (
            "async def work():\n    block()\n\n"
            '@app.get("/")\nasync def f(tasks: BackgroundTasks):\n    tasks.add_task(work)'
        ),
        "background-task",
        "f → work → block",
    ),
    "an asynchronous generator that streams": (
        (
            "async def rows():\n    block()\n    yield b''\n\n"
            '@app.get("/")\nasync def f():\n    return StreamingResponse(rows())'
        ),
        "stream",
        "f → rows → block",
    ),
    "an asynchronous generator in a variable that streams": (
        (
            "async def rows():\n    block()\n    yield b''\n\n"
            '@app.get("/")\nasync def f():\n    found = rows()\n    return StreamingResponse(found)'
        ),
        "stream",
        "f → rows → block",
    ),
    "a handler that yields": ('@app.get("/")\nasync def f():\n    block()\n    yield 1', "stream", "f → block"),
    "a lifespan": (
        "@asynccontextmanager\nasync def lifespan(app):\n    block()\n    yield\n\napp = FastAPI(lifespan=lifespan)",
        "lifespan",
        "lifespan → block",
    ),
}

OFF_LOOP = {
    "a plain route": '@app.get("/")\ndef f():\n    block()',
    "a plain dependency": 'def d():\n    block()\n\n@app.get("/")\nasync def f(x=Depends(d)):\n    return x',
    "a plain generator as dependency": (
        'def d():\n    block()\n    yield 1\n\n@app.get("/")\nasync def f(x=Depends(d)):\n    return x'
    ),
    "a plain exception handler": "@app.exception_handler(ValueError)\ndef h(request, error):\n    block()",
    "a plain background task": '@app.get("/")\nasync def f(tasks: BackgroundTasks):\n    tasks.add_task(block)',
    "a plain generator that streams": (
        "def rows():\n    block()\n    yield b''\n\n"
        '@app.get("/")\nasync def f():\n    return StreamingResponse(rows())'
    ),
    "a plain generator in a variable that streams": (
        "def rows():\n    block()\n    yield b''\n\n"
        '@app.get("/")\nasync def f():\n    found = rows()\n    return StreamingResponse(found)'
    ),
    "run_in_threadpool": '@app.get("/")\nasync def f():\n    await run_in_threadpool(block)',
    "to_thread": '@app.get("/")\nasync def f():\n    await asyncio.to_thread(block)',
    "anyio's to_thread": '@app.get("/")\nasync def f():\n    await anyio.to_thread.run_sync(block)',
    "an executor": '@app.get("/")\nasync def f():\n    await asyncio.get_running_loop().run_in_executor(None, block)',
    "what a client of Amazon makes without asking": (
        'import boto3\n\n@app.get("/")\nasync def f():\n    boto3.client("s3").get_paginator("list_objects")'
    ),
    "a queue that is asked not to wait": (
        'import queue\n\n@app.get("/")\nasync def f():\n    queue.Queue().get(block=False)'
    ),
    "a coroutine function in a thread, where nobody awaits it": (
        "async def work():\n    block()\n\n@app.get('/')\nasync def f():\n    await asyncio.to_thread(work)"
    ),
    "a foreign function when the service starts": (
        "from elsewhere import start\n\napp.add_event_handler('startup', start)\n"
        "@app.get('/')\nasync def f():\n    await asyncio.to_thread(start)"
    ),
    "a plain function that a task group is given": (
        "@app.get('/')\nasync def f():\n    async with anyio.create_task_group() as group:\n"
        "        group.start_soon(block)"
    ),
    "a lambda in a thread": '@app.get("/")\nasync def f():\n    await run_in_threadpool(lambda: block())',
    "a partial in a thread": '@app.get("/")\nasync def f():\n    await run_in_threadpool(functools.partial(block))',
    "a nested function in a thread": (
        '@app.get("/")\nasync def f():\n    def inner():\n        block()\n    await run_in_threadpool(inner)'
    ),
    "a method in a thread": '@app.get("/")\nasync def f():\n    await run_in_threadpool(service.client.fetch)',
    "a submitted function": '@app.get("/")\nasync def f():\n    ThreadPoolExecutor().submit(block)',
    "a thread of its own": '@app.get("/")\nasync def f():\n    threading.Thread(target=block).start()',
    "a function that is only named": '@app.get("/")\nasync def f():\n    return {"work": block}.keys()',
    "a nested function that nobody calls": '@app.get("/")\nasync def f():\n    def inner():\n        block()',
    "a decorator that moves it into a thread": (
        "from elsewhere import in_thread\n\n@in_thread\ndef work():\n    block()\n\n"
        '@app.get("/")\nasync def f():\n    await work()'
    ),
    "what is cached and so runs once": (
        '@functools.cache\ndef work():\n    block()\n\n@app.get("/")\nasync def f():\n    work()'
    ),
    "a file that is read in a thread": (
        '@app.get("/")\nasync def f():\n    with open("x") as file:\n        return await asyncio.to_thread(file.read)'
    ),
    "what a variable of the module keeps": (
        "kept = None\n\ndef load():\n    global kept\n    if kept is not None:\n        return kept\n    block()\n"
        '    kept = 1\n    return kept\n\n@app.get("/")\nasync def f():\n    load()'
    ),
    "what is made when it is missing": (
        "kept = None\n\ndef load():\n    global kept\n    if not kept:\n        time.sleep(1)\n        kept = 1\n"
        '    return kept\n\n@app.get("/")\nasync def f():\n    load()'
    ),
    "a loop of its own in a thread": (
        'async def work():\n    block()\n\n@app.get("/")\ndef f():\n    asyncio.run(work())'
    ),
    "a function that nothing reaches": '@app.get("/")\nasync def f():\n    return 1\n\n\ndef g():\n    block()',
    "the module itself": 'block()\n\n\n@app.get("/")\nasync def f():\n    return 1',
}


def blocking(code: str, folder: Path) -> list[Reach]:
    """The ways on the event loop to code that sleeps."""
    (folder / "main.py").write_text(f"{MAIN}\n\n{code}\n", encoding="utf-8")
    (folder / "service.py").write_text(SERVICE, encoding="utf-8")
    source = gather(Gathering(root=folder, use_cache=False)).source
    return [way for way in source.ways_on_loop if way.blocking]


@pytest.mark.parametrize(("code", "context", "chain"), ON_LOOP.values(), ids=ON_LOOP)
def test_runs_on_the_loop(code: str, context: str, chain: str, tmp_path: Path) -> None:
    ways = blocking(code, tmp_path)

    assert [(way.context, way.arrow()) for way in ways] == [(context, chain)]


@pytest.mark.parametrize("code", OFF_LOOP.values(), ids=OFF_LOOP)
def test_stays_off_the_loop(code: str, tmp_path: Path) -> None:
    assert [way.arrow() for way in blocking(code, tmp_path)] == []


def test_trace_tells_each_step_with_its_place(tmp_path: Path) -> None:
    (way,) = blocking('@app.get("/")\nasync def f():\n    await service.wait_inside()', tmp_path)

    steps = [(step.location.path, step.message) for step in way.trace(way.blocking[0].call)]

    assert steps == [
        ("main.py", "`f` (route)"),
        ("main.py", "calls `wait_inside`"),
        ("service.py", "calls `wait`"),
        ("service.py", "calls `time.sleep`"),
    ]


def test_a_function_has_one_way_for_each_context(tmp_path: Path) -> None:
    code = (
        "@asynccontextmanager\nasync def lifespan(app):\n    block()\n    yield\n\napp = FastAPI(lifespan=lifespan)\n\n"
        'def helper():\n    block()\n\n@app.get("/")\nasync def f():\n    helper()'
    )

    ways = {way.context: way.arrow() for way in blocking(code, tmp_path)}

    assert ways == {"lifespan": "lifespan → block", "route": "f → helper → block"}
