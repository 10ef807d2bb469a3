#!/bin/sh
# Copies the primary when the volume is empty, then follows it. PGPASSWORD is the replication role's.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # -R writes the connection and standby.signal.
  pg_basebackup -h postgres -U replication -D "$PGDATA" -R -X stream
  chmod 0700 "$PGDATA"
fi
# exec, so that PostgreSQL itself is PID 1 and gets the signals.
exec postgres -c hot_standby=on -c max_connections=100
