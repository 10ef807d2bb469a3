"""Exits with 1 when the worker has not moved for a minute: `python -m leads.worker_health`."""

import sys
import time

from leads.worker import HEARTBEAT

if __name__ == "__main__":
    sys.exit(not HEARTBEAT.exists() or time.time() - HEARTBEAT.stat().st_mtime > 60)
