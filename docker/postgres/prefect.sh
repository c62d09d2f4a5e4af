#!/bin/sh
# Runs once, when the data directory is initialized: create a database and a role for Prefect.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$PREFECT_PASSWORD" --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE prefect LOGIN PASSWORD :'password';
CREATE DATABASE prefect OWNER prefect;
REVOKE CONNECT ON DATABASE prefect FROM PUBLIC;
REVOKE CONNECT ON DATABASE :"DBNAME" FROM PUBLIC;
SQL
