#!/bin/sh
# Succeeds on the attempt that the parameter `tries` names (default: the second), like a download from a flaky server.
set -eu

needed=${HEADGATE_PARAM_TRIES:-2}
echo "try ${HEADGATE_ATTEMPT} of the download"
if [ "$HEADGATE_ATTEMPT" -lt "$needed" ]; then
    echo "the server closed the connection" >&2
    exit 1
fi
printf '%s\n' EWR JFK LGA >"$HEADGATE_RUN_DIR/stations.partial"
mv "$HEADGATE_RUN_DIR/stations.partial" "$HEADGATE_RUN_DIR/stations.txt"
echo "3 stations downloaded"
