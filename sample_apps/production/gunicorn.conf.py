"""How gunicorn serves the application; read from the working directory."""

import os
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

from leads.logs import logging_config

bind = "0.0.0.0:8000"
# The pools in leads/settings.py are sized for this many.
workers = 2
worker_class = "uvicorn_worker.UvicornWorker"
# A worker whose event loop has been blocked for this long is replaced; above the language model's 20 seconds.
timeout = 60
# Longest answer (20 s) < this < the orchestrator's stop_grace_period (45 s): nothing is cut off on a deployment.
graceful_timeout = 30
# Above nginx' own, so that it is always nginx who closes an idle connection.
keepalive = 75
# A slow leak ends before it hurts; the jitter keeps the workers from restarting together.
max_requests = 10_000
max_requests_jitter = 1_000
# The heartbeat of the workers must not wait for a disk.
worker_tmp_dir = "/dev/shm"
# It would be written to a home directory, which the container does not have.
control_socket_disable = True
logconfig_dict = logging_config()
# FORWARDED_ALLOW_IPS names the proxy whose X-Forwarded-* are believed; see compose.yaml.


def on_starting(_server: Any) -> None:
    """Counts of the last run would be added to those of this one."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        for file in Path(folder).glob("*.db"):
            file.unlink()


def child_exit(_server: Any, worker: Any) -> None:
    """Takes a dead worker's gauges out of the sum."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
