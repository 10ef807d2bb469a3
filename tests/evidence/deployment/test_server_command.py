"""The one model of how a server is started."""

import json

import pytest

from deployed import Reading
from fastapi_audit.evidence.deployment import DecidedBy, Document, Home, Program, ServerCommand, python_command


def only(commands: tuple[ServerCommand, ...]) -> ServerCommand:
    assert len(commands) == 1, commands
    return commands[0]


def image(command: str, base: str = "python:3.12-slim", more: str = "") -> dict[str, str]:
    return {"Dockerfile": f"FROM {base}\n{more}\n{command}"}


def test_the_command_line_wins_over_gunicorn_cmd_args_over_the_file_over_the_environment(reading: Reading) -> None:
    files = {
        "Dockerfile": """
            FROM python:3.12-slim
            ENV WEB_CONCURRENCY=5
            ENV GUNICORN_CMD_ARGS="--timeout 50 --graceful-timeout=51"
            CMD ["gunicorn", "app.main:app", "--timeout", "60", "-kasgi"]
            """,
        "gunicorn.conf.py": "graceful_timeout = 20\nkeepalive = 21\nworker_class = 'sync'",
    }
    command = only(reading(files).commands)
    assert (command.worker_timeout.value, command.worker_timeout.decided_by) == ("60", DecidedBy.CLI)
    assert (command.graceful_timeout.value, command.graceful_timeout.decided_by) == ("51", DecidedBy.GUNICORN_CMD_ARGS)
    assert (command.keep_alive.value, command.keep_alive.decided_by) == ("21", DecidedBy.CONFIG_FILE)
    assert (command.workers.value, command.workers.decided_by) == ("5", DecidedBy.ENVIRONMENT)
    assert (command.host.value, command.host.decided_by) == ("127.0.0.1", DecidedBy.DEFAULT)
    assert (command.worker_class.value, command.speaks_asgi) == ("asgi", True)


def test_a_setting_says_where_it_was_decided(reading: Reading) -> None:
    files = image('CMD ["uvicorn", "app:app", \\\n     "--workers=4"]')
    workers = only(reading(files).commands).workers
    assert workers.text is not None
    assert (workers.text.value, workers.text.raw) == ("4", "4")
    assert (workers.text.location.line, workers.text.location.column) == (4, 17)


@pytest.mark.parametrize(
    ("written", "program"),
    [
        ("python -m uvicorn app:app", Program.UVICORN),
        ("poetry run uvicorn app:app", Program.UVICORN),
        ("uv run --no-dev uvicorn app:app", Program.UVICORN),
        ("opentelemetry-instrument --traces_exporter otlp uvicorn app:app", Program.UVICORN),
        ("ddtrace-run gunicorn app:app", Program.GUNICORN),
        ("/venv/bin/gunicorn app:app", Program.GUNICORN),
        ("wait-for-it.sh db:5432 -- hypercorn app:app", Program.HYPERCORN),
        ("env A=1 granian --interface asgi app:app", Program.GRANIAN),
        ("python3 -u -m debugpy --listen 0.0.0.0:5678 -m uvicorn app:app", Program.UVICORN),
        ("gosu app uvicorn app:app", Program.UVICORN),
        ("bash -c 'exec uvicorn app:app'", Program.UVICORN),
        ("bash -euo pipefail -c 'exec uvicorn app:app'", Program.UVICORN),
        ("tini -g -- uvicorn app:app", Program.UVICORN),
        ("timeout 30 uvicorn app:app", Program.UVICORN),
        ("python -m coverage run -m uvicorn app:app", Program.UVICORN),
        ("python -X dev -m poetry run gunicorn app:app", Program.GUNICORN),
    ],
)
def test_a_server_is_found_behind_what_stands_in_front_of_it(reading: Reading, written: str, program: Program) -> None:
    command = only(reading({"compose.yaml": f"services:\n  api:\n    build: .\n    command: {written}"}).commands)
    assert (command.program, command.target.value) == (program, "app:app")


@pytest.mark.parametrize(
    "written", ["pip install uvicorn", "echo uvicorn app:app", "python app.py", "celery -A app worker"]
)
def test_what_only_mentions_a_server_starts_none(reading: Reading, written: str) -> None:
    assert reading({"compose.yaml": f"services:\n  api:\n    build: .\n    command: {written}"}).commands == ()


@pytest.mark.parametrize(
    ("base", "command", "answer"),
    [
        ("python:3.12-slim", 'CMD ["uvicorn", "app:app"]', True),
        ("python:3.12-slim", "CMD uvicorn app:app", False),
        ("python:3.12-slim", "CMD cd /app && uvicorn app:app", False),
        ("python:3.12-slim", "CMD exec uvicorn app:app", True),
        ("python:3.12-slim", 'CMD ["sh", "-c", "exec uvicorn app:app --port ${PORT:-80}"]', True),
        ("python:3.12-slim", 'CMD ["bash", "-c", "true && uvicorn app:app"]', True),
        ("python:3.12-slim", 'CMD ["bash", "-c", "uvicorn app:app | tee log"]', False),
        ("python:3.12-alpine", "CMD uvicorn app:app", True),
        ("acme/base:1", "CMD uvicorn app:app", None),
        ("python:3.12-slim", 'SHELL ["/bin/bash", "-c"]\nCMD uvicorn app:app', True),
    ],
)
def test_whether_sigterm_reaches_the_server(reading: Reading, base: str, command: str, *, answer: bool | None) -> None:
    assert only(reading(image(command, base)).commands).receives_signals is answer


def test_a_script_without_exec_keeps_signals_to_itself(reading: Reading) -> None:
    files = image('COPY start.sh /start.sh\nCMD ["/start.sh"]') | {"start.sh": "#!/bin/bash\nuvicorn app:app"}
    command = only(reading(files).commands)
    assert (command.path, command.location.line) == ("start.sh", 2)
    assert (command.home, command.receives_signals) == (Home.DOCKERFILE, False)


def test_an_entrypoint_that_execs_its_arguments_hands_signals_on(reading: Reading) -> None:
    files = image('ENTRYPOINT ["/entrypoint.sh"]\nCMD ["uvicorn", "app:app"]') | {
        "docker/entrypoint.sh": '#!/bin/sh\nset -e\nalembic upgrade head\nexec "$@"'
    }
    command = only(reading(files).commands)
    assert (command.path, command.receives_signals) == ("Dockerfile", True)
    assert [before.name for before in command.beforehand] == ["set", "alembic"]


def test_a_variable_without_default_is_unknown_and_one_with_a_default_is_uncertain(reading: Reading) -> None:
    files = image('CMD ["sh", "-c", "exec uvicorn app:app --workers ${W} --port ${PORT:-80}"]')
    command = only(reading(files).commands)
    assert (command.workers.known, command.processes) == (False, None)
    assert (command.port.value, command.port.certain) == ("80", False)


def test_options_nobody_can_see_make_the_defaults_unknown(reading: Reading) -> None:
    command = only(reading(image('CMD ["sh", "-c", "exec uvicorn app:app $EXTRA"]')).commands)
    assert command.open_ended
    assert (command.reload.known, command.workers.known, command.graceful_timeout.known) == (False, False, False)


def test_a_configuration_file_that_is_not_here_makes_the_defaults_unknown(reading: Reading) -> None:
    command = only(reading(image('CMD ["gunicorn", "-c", "conf/prod.py", "app:app"]')).commands)
    assert (command.worker_class.known, command.speaks_asgi) == (False, None)


def test_gunicorn_without_worker_class_does_not_speak_asgi(reading: Reading) -> None:
    command = only(reading(image('CMD ["gunicorn", "app:app", "-w", "4"]')).commands)
    assert (command.worker_class.value, command.worker_class.decided_by) == ("sync", DecidedBy.DEFAULT)
    assert command.speaks_asgi is False


def test_a_worker_class_of_their_own_is_unknown(reading: Reading) -> None:
    command = only(reading(image('CMD ["gunicorn", "app:app", "-k", "app.server.Worker"]')).commands)
    assert command.speaks_asgi is None


def test_uvicorn_under_reload_runs_one_process(reading: Reading) -> None:
    command = only(reading(image('CMD ["uvicorn", "app:app", "--reload", "--workers", "4"]')).commands)
    assert (command.workers.number, command.processes) == (4, 1)


def test_fastapi_dev_reloads_and_listens_on_the_loopback(reading: Reading) -> None:
    command = only(reading(image('CMD ["fastapi", "dev", "app/main.py"]')).commands)
    assert (command.program, command.reload.is_on) == (Program.FASTAPI_DEV, True)
    assert (command.host.value, command.target.value) == ("127.0.0.1", "app/main.py")


@pytest.mark.parametrize("variable", ["UVICORN_RELOAD=1", "UVICORN_RELOAD=true"])
def test_every_uvicorn_option_has_a_twin_in_the_environment(reading: Reading, variable: str) -> None:
    command = only(reading(image('CMD ["uvicorn", "app:app"]', more=f"ENV {variable}")).commands)
    assert (command.reload.is_on, command.reload.decided_by) == (True, DecidedBy.ENVIRONMENT)


def test_the_environment_of_a_compose_service_reaches_the_command_of_its_image(reading: Reading) -> None:
    files = image('CMD ["uvicorn", "app:app"]') | {
        "compose.yaml": """
            services:
              api:
                build: .
                environment:
                  WEB_CONCURRENCY: ${WORKERS:-3}
                deploy:
                  replicas: 2
            """
    }
    deployment = reading(files)
    command = only(deployment.commands)
    assert command.service is not None
    assert (command.service.name, command.workers.number, command.workers.certain) == ("api", 3, False)
    total = deployment.workers_total
    assert total is not None
    assert (total.count, total.arithmetic) == (6, "api: 3 workers x 2 replicas = 6")


def test_kubernetes_command_and_args_replace_entrypoint_and_cmd(reading: Reading) -> None:
    files = image('ENTRYPOINT ["uvicorn"]\nCMD ["app:app"]') | {
        "k8s/api.yaml": """
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: api
            spec:
              replicas: 3
              template:
                spec:
                  containers:
                    - name: api
                      image: acme/api:1.4
                      command: ["uvicorn", "app:app"]
                      args: ["--workers", "2"]
            """
    }
    command = next(c for c in reading(files).commands if c.home is Home.KUBERNETES)
    assert (command.workers.number, command.location.line) == (2, 12)


def test_a_development_file_or_profile_or_stage_is_no_production(reading: Reading) -> None:
    files = {
        "Dockerfile": """
            FROM python:3.12-slim AS dev
            CMD ["uvicorn", "app:app", "--reload"]
            FROM python:3.12-slim
            CMD ["uvicorn", "app:app"]
            """,
        "compose.dev.yaml": "services:\n  api:\n    build: .\n    command: uvicorn app:app --reload",
        "compose.yaml": """
            services:
              api:
                build:
                  context: .
                  target: dev
              tools:
                build: .
                profiles: [dev]
                command: uvicorn app:app --reload
            """,
    }
    commands = reading(files).commands
    assert [c.reload.is_on for c in commands if c.production] == [False]
    assert [c.reload.is_on for c in commands if not c.production] == [True, True, True]


def test_a_procfile_and_a_systemd_unit_are_read(reading: Reading) -> None:
    files = {
        "Procfile": "web: gunicorn -w 4 -k uvicorn_worker.UvicornWorker app:app\nrelease: alembic upgrade head",
        "deploy/api.service": """
            [Service]
            Environment="WEB_CONCURRENCY=2" A=b
            ExecStart=/venv/bin/uvicorn app:app \\
                --host 0.0.0.0
            Restart=always
            """,
    }
    web, unit = sorted(reading(files).commands, key=lambda c: c.home.value)
    assert (web.home, web.workers.number) == (Home.PROCFILE, 4)
    assert (unit.home, unit.workers.number, unit.host.value) == (Home.SYSTEMD, 2, "0.0.0.0")  # noqa: S104  a fact read, nothing listens
    assert unit.receives_signals is True
    assert {process.name: process.location.line for process in reading(files).processes} == {
        "web": 1,
        "release": 2,
        "api": 3,
    }


def test_a_unit_that_starts_nothing_and_words_that_set_nothing_are_passed_over(reading: Reading) -> None:
    files = {
        "backup.service": "[Service]\nType=oneshot",
        "api.service": "[Service]\nEnvironment=PASSED WEB_CONCURRENCY=3\nExecStart=-uvicorn app:app",
    }
    (process,) = reading(files).processes
    assert [(variable.name, variable.literal) for variable in process.environment] == [("WEB_CONCURRENCY", "3")]


def test_a_production_overlay_takes_the_command_of_the_base_file_out_of_production(reading: Reading) -> None:
    files = image('CMD ["uvicorn", "app:app"]') | {
        "compose.yaml": "services:\n  api:\n    build: .\n    command: uvicorn app:app --reload",
        "compose.prod.yaml": """
            services:
              api:
                command: uvicorn app:app
                environment: [WEB_CONCURRENCY=4]
            """,
    }
    commands = {c.path: c for c in reading(files).commands if c.service}
    assert (commands["compose.yaml"].production, commands["compose.prod.yaml"].production) == (False, True)
    assert commands["compose.prod.yaml"].workers.number == 4
    assert commands["compose.prod.yaml"].image is not None


def test_a_script_that_nothing_runs_is_production_only_when_nothing_else_is(reading: Reading) -> None:
    script = {"run.sh": "uvicorn app:app --reload"}
    assert only(reading(script).commands).production
    commands = reading(script | image('CMD ["uvicorn", "app:app"]')).commands
    assert {c.path: c.production for c in commands} == {"Dockerfile": True, "run.sh": False}


def test_supervisord_runs_its_programs_directly(reading: Reading) -> None:
    text = "[supervisord]\nnodaemon=true\n[program:api]\ncommand=/venv/bin/uvicorn app:app --workers 2\n"
    command = only(reading({"supervisord.conf": text}).commands)
    assert (command.home, command.workers.number, command.receives_signals) == (Home.SUPERVISOR, 2, True)


def test_uvicorn_run_in_python_is_the_same_model() -> None:
    document = Document.of("main.py", 'uvicorn.run("main:app", workers=4, reload=DEBUG)')
    call = document.span(0, len(document.text))
    keywords = {"app": ("main:app", call), "workers": ("4", call.part(32, 33)), "reload": (None, call.part(42, 47))}
    command = python_command(call, keywords)
    assert (command.target.value, command.workers.number, command.reload.known) == ("main:app", 4, False)
    assert (command.workers.text and command.workers.text.raw, command.host.value) == ("4", "127.0.0.1")


@pytest.mark.parametrize(
    "written",
    [
        "fastapi deploy",
        "fastapi",
        "poetry shell",
        "tini",
        "bash",
        "bash -l -c",
        "sh -e missing.sh",
        "python -m app uvicorn",
        "python -m debugpy --listen 5678 app.py",
    ],
)
def test_a_command_line_that_comes_to_no_server_starts_none(reading: Reading, written: str) -> None:
    assert reading(image(f"CMD {json.dumps(written.split())}")).commands == ()


@pytest.mark.parametrize("written", ["gunicorn --help", "uvicorn --version", "gunicorn --check-config app:app"])
def test_a_server_that_only_answers_a_question_is_no_server(reading: Reading, written: str) -> None:
    assert reading({"run.sh": f"if {written} | grep -q control; then echo yes; fi"}).commands == ()


def test_what_only_the_running_shell_knows_is_unknown(reading: Reading) -> None:
    command = only(
        reading({"run.sh": 'HOST="$1"\nN=$(nproc)\nexec uvicorn app:app --host "$HOST" --workers $N'}).commands
    )
    assert (command.host.known, command.workers.known) == (False, False)


def test_the_entrypoint_of_a_base_image_runs_what_it_is_given(reading: Reading) -> None:
    files = image('ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]\nCMD ["uvicorn", "app:app"]', "acme/base:1")
    assert only(reading(files).commands).target.value == "app:app"


def test_the_branches_of_a_script_are_not_added_up(reading: Reading) -> None:
    script = "if [ -n $X ]; then uvicorn app:app --workers 4; else uvicorn app:app --reload; fi"
    deployment = reading({"run.sh": script})
    assert [c.is_conditional for c in deployment.commands] == [True, True]
    total = deployment.workers_total
    assert total is not None
    assert total.count == 4


def test_an_array_of_words_is_followed_and_what_a_branch_adds_is_unknown(reading: Reading) -> None:
    script = """
        cmd=(gunicorn -k uvicorn_worker.UvicornWorker)
        cmd+=( --workers "${WORKERS:-3}" app:app )
        exec "${cmd[@]}"
        """
    command = only(reading({"start.sh": script}).commands)
    assert (command.workers.number, command.target.value, command.receives_signals) == (3, "app:app", True)
    assert command.reload.known
    branch = script.replace("exec", 'if [ "$DEV" = 1 ]; then cmd+=( --reload ); fi\nexec')
    command = only(reading({"start.sh": branch}).commands)
    assert (command.workers.number, command.reload.known) == (3, False)


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("Dockerfile", 'CMD ["uvicorn", "main:app"]', 'CMD ["uvicorn", "main:app", "--port", "80"]'),
        ("Dockerfile", 'CMD exec uvicorn "main:app"', 'CMD exec uvicorn "main:app" --port 80'),
        (
            "Dockerfile",
            'CMD ["sh", "-c", "exec uvicorn main:app"]',
            'CMD ["sh", "-c", "exec uvicorn main:app --port 80"]',
        ),
        ("compose.yaml", "    command: uvicorn main:app", "    command: uvicorn main:app --port 80"),
        ("compose.yaml", "    command: [uvicorn, main:app]", '    command: [uvicorn, main:app, "--port", "80"]'),
        (
            "compose.yaml",
            "    command:\n      - uvicorn\n      - 'main:app'\n    init: true",
            '    command:\n      - uvicorn\n      - \'main:app\'\n      - "--port"\n      - "80"\n    init: true',
        ),
        ("start.sh", "exec uvicorn main:app \\\n  --workers 2", "exec uvicorn main:app \\\n  --workers 2 --port 80"),
    ],
)
def test_an_option_is_added_in_the_form_of_the_line(reading: Reading, path: str, before: str, after: str) -> None:
    head = {
        "Dockerfile": "FROM python:3.13-slim\n",
        "compose.yaml": "services:\n  api:\n    image: a:1\n",
    }.get(path, "")
    (command,) = reading({path: head + before}).commands
    edit = command.with_option("--port", "80")
    assert edit is not None
    whole = command.text.document.text
    assert (whole[: edit.start] + edit.new + whole[edit.end :]).rstrip("\n") == head + after


def test_no_option_is_added_where_entrypoint_and_command_share_the_words(reading: Reading) -> None:
    (command,) = reading(
        {"Dockerfile": 'FROM python:3.13-slim\nENTRYPOINT ["uvicorn", "main:app"]\nCMD ["--workers", "2"]\n'}
    ).commands
    assert command.with_option("--port", "80") is None


@pytest.mark.parametrize(
    ("script", "workers"),
    [
        ("export WEB_CONCURRENCY=3\nexec uvicorn app:app", "3"),
        ("WEB_CONCURRENCY=3\nexport WEB_CONCURRENCY\nexec uvicorn app:app", "3"),
        ("WEB_CONCURRENCY=3\nexec uvicorn app:app", "1"),
        ("export WEB_CONCURRENCY\nexec uvicorn app:app", "1"),
        ("WEB_CONCURRENCY=3 uvicorn app:app", "3"),
        ("WEB_CONCURRENCY=3 exec uvicorn app:app", "3"),
        ("declare -x A=1 WEB_CONCURRENCY=3\nuvicorn app:app", "3"),
        ("until nc -z db 5432; do uvicorn --version; done\nuvicorn app:app --workers 3", "3"),
        ("while true; do uvicorn app:app --workers 3; done", "3"),
        ("for n in 1; do uvicorn app:app --workers 3; done", "3"),
        (r'uvicorn app:app --workers "\3"', r"\3"),
        (r"uvicorn app:app --workers \3", "3"),
        ("uvicorn app:app \\\n  --workers 3", "3"),
        ("args=()\nuvicorn app:app --workers 3 <<< none", "3"),
        ('uvicorn "app:app', "1"),
    ],
)
def test_a_script_sets_what_the_server_runs_with(reading: Reading, script: str, workers: str) -> None:
    assert only(reading({"start.sh": script}).commands).workers.value == workers


@pytest.mark.parametrize(
    ("written", "value", "certain"),
    [
        ("$ONE", "1", True),
        ("${NONE:-2}", "2", False),
        ("${BLANK:-2}", "2", True),
        ("${BLANK-2}", "", True),
        ("${ONE:-2}", "1", True),
        ("${ONE:+3}", "3", True),
        ("${ONE+${NONE:-4}}", "4", False),
        ("${BLANK:+3}", "", True),
        ("${NONE:+3}", None, False),
        ("${ONE:?say how many}", "1", True),
        ("${BLANK:?say how many}", None, False),
        ("${NONE?}", None, False),
        ("${NONE:-$OTHER}", None, False),
    ],
)
def test_a_variable_is_filled_in_as_compose_and_the_shell_do_it(
    reading: Reading, written: str, value: str | None, *, certain: bool
) -> None:
    files = image(f'CMD uvicorn app:app --workers "{written}"') | {
        "compose.yaml": "services: {api: {build: ., environment: {ONE: '1', BLANK: ''}}}"
    }
    workers = only(reading(files).commands).workers
    assert (workers.value, workers.known) == (value, value is not None)
    assert not workers.known or workers.certain is certain


def test_a_build_argument_is_no_environment_but_its_values_may_use_it(reading: Reading) -> None:
    more = "ARG WEB_CONCURRENCY=4\nARG LEVEL=2\nARG OPEN\nENV UVICORN_PORT=80$LEVEL UVICORN_HOST=$OPEN"
    deployment = reading(image('CMD ["uvicorn", "app:app"]', more=more))
    command = only(deployment.commands)
    assert (command.workers.value, command.port.value, command.port.certain) == ("1", "802", False)
    assert command.host.known is False
    assert deployment.images[0].final.environment == {"UVICORN_PORT": "802"}


@pytest.mark.parametrize(
    ("command", "host", "port", "uds"),
    [
        ("gunicorn app:app -b unix:/run/api.sock", None, None, "/run/api.sock"),
        ("gunicorn app:app -b api.internal", "api.internal", "8000", None),
        ("gunicorn app:app -b :80", "0.0.0.0", "80", None),  # noqa: S104  a fact read, nothing listens
        ("gunicorn app:app", "0.0.0.0", "9000", None),  # noqa: S104
        ("hypercorn app:app", "127.0.0.1", "8000", None),
    ],
)
def test_where_a_server_listens(
    reading: Reading, command: str, host: str | None, port: str | None, uds: str | None
) -> None:
    found = only(reading(image(f"CMD exec {command}", more="ENV PORT=9000")).commands)
    assert (found.host.value, found.port.value, found.uds.value) == (host, port, uds)


def test_gunicorn_may_be_told_everything_by_its_configuration(reading: Reading) -> None:
    files = image('CMD ["gunicorn", "-c", "python:deploy.gunicorn_conf"]') | {
        "deploy/gunicorn_conf.py": 'wsgi_app = "app:app"\nworkers = 3\nstatsd_host = None\npidfile, umask = "a", 0\n'
    }
    deployment = reading(files)
    command = only(deployment.commands)
    assert (command.target.value, command.target.decided_by, command.workers.number) == (
        "app:app",
        DecidedBy.CONFIG_FILE,
        3,
    )
    (config,) = deployment.gunicorn_configs
    assert (config.values["statsd_host"].value, set(config.values)) == ("", {"wsgi_app", "workers", "statsd_host"})
    assert command.with_option("--preload", "1") is not None
    assert only(reading(image('CMD ["gunicorn"]')).commands).with_option("--preload", "1") is None


@pytest.mark.parametrize(
    ("interface", "answer"), [("asgi", True), ("asginl", True), ("wsgi", False), ("$INTERFACE", None)]
)
def test_granian_speaks_what_it_is_told(reading: Reading, interface: str, *, answer: bool | None) -> None:
    command = only(reading(image(f"CMD exec granian --interface {interface} --factory app:app")).commands)
    assert (command.speaks_asgi, command.factory.is_on) == (answer, True)


def test_a_shell_form_after_an_entrypoint_of_words_is_run_by_sh(reading: Reading) -> None:
    command = only(reading(image('ENTRYPOINT ["tini", "--"]\nCMD uvicorn app:app --workers $((1 + 1))')).commands)
    assert (command.wrappers, command.is_shell_form, command.receives_signals) == (("tini",), True, False)
    assert (command.target.value, command.workers.known) == ("app:app", False)


def test_a_service_runs_the_image_that_another_one_builds(reading: Reading) -> None:
    files = image('CMD ["uvicorn", "app:app"]') | {
        "compose.yaml": """
            services:
              api: {build: ., image: "acme/api:dev"}
              again: {image: "acme/api:dev", environment: [WEB_CONCURRENCY=2]}
            """
    }
    workers = {c.service.name: c.workers.number for c in reading(files).commands if c.service}
    assert workers == {"api": 1, "again": 2}


def test_half_of_a_surrogate_pair_is_no_shell(reading: Reading) -> None:
    assert reading(image(r'CMD ["sh", "-c", "uvicorn app:app \ud800"]')).commands == ()
