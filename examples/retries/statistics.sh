#!/bin/sh
# Always fails. The pipeline sets allow_failure, so the run continues and can still complete.
echo "sending statistics to $STATISTICS_SERVICE"
echo "$STATISTICS_SERVICE does not exist" >&2
exit 3
