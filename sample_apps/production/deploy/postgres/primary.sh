#!/bin/sh
# Runs once, when the primary's volume is empty: the roles of the replica and of the exporter.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
  -v replication="$REPLICATION_PASSWORD" -v exporter="$EXPORTER_PASSWORD" <<'SQL'
CREATE ROLE replication WITH REPLICATION LOGIN PASSWORD :'replication';
CREATE ROLE exporter WITH LOGIN PASSWORD :'exporter' IN ROLE pg_monitor;
SQL
echo "host replication replication samenet scram-sha-256" >> "$PGDATA/pg_hba.conf"
