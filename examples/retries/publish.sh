#!/bin/sh
# Fails if the parameter `publish` is `fails`. Parameters are environment variables, never part of a command line.
set -eu

if [ "${HEADGATE_PARAM_PUBLISH:-works}" = fails ]; then
    echo "$TARGET is out of reach" >&2
    exit 1
fi
while read -r station; do
    echo "$station is now on $TARGET"
done <"$HEADGATE_RUN_DIR/stations.txt"
