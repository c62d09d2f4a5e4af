#!/bin/sh
# Back up a folder and report every step to Headgate with curl.
#
#   report.sh [FOLDER [DESTINATION]]
#
# FOLDER defaults to the folder of this script, DESTINATION to a temporary folder that is removed at the end.
# HEADGATE_URL    URL of Headgate (http://127.0.0.1:8000)
# HEADGATE_TOKEN  sent as a bearer token if set
# Exit code: 0 backed up and verified, 1 a step failed (and was reported), 2 Headgate refused or did not respond.
set -u

unset CDPATH
here=$(cd -- "$(dirname -- "$0")" && pwd)
url=${HEADGATE_URL:-http://127.0.0.1:8000}
folder=${1:-$here}
pipeline=backup-reported
night=$(date -u +%Y%m%dT%H%M%SZ)-$$
run_id=
stage=
sent=0

scratch=$(mktemp -d) || exit 2
destination=${2:-$scratch/offsite}
case $destination in
    /*) ;;
    *) destination=$(pwd)/$destination ;; # the steps change the directory
esac
archive=$scratch/backup.tar.gz
trap 'rm -rf "$scratch"' EXIT
trap 'interrupted' HUP INT TERM

# Print a JSON string: escape quotes and backslashes, replace control characters by spaces.
json() {
    printf '"%s"' "$(printf '%s' "$1" | tr '\000-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g')"
}

# post BODY: send one status update and set $answer to the response. A status other than 2xx ends the script.
# Every report has an event_id, so a report that curl repeats after a lost response counts once.
post() {
    body=$1
    set -- --silent --show-error --max-time 30 --retry 5 --retry-all-errors --retry-max-time 60
    if [ -n "${HEADGATE_TOKEN:-}" ]; then
        # Through a file: arguments are visible to all users in the process list.
        (umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$HEADGATE_TOKEN" >"$scratch/auth")
        set -- "$@" --config "$scratch/auth"
    fi
    code=$(printf '%s' "$body" | curl "$@" --header 'Content-Type: application/json' --data-binary @- \
        --output "$scratch/answer" --write-out '%{http_code}' "$url/status-update/") || give_up "no answer from $url"
    answer=$(tr -d '\r\n' <"$scratch/answer")
    case $code in
        2??) ;;
        *) give_up "Headgate answered $code: $answer" ;;
    esac
}

give_up() {
    echo "report.sh: $1" >&2
    exit 2
}

# report STATUS [MORE]: report the status of the current stage, or of the run if no stage is active.
# MORE is JSON members, each preceded by a comma.
report() {
    sent=$((sent + 1))
    more="${2:-}"
    [ -n "$stage" ] && more=",\"stage_name\":\"$stage\"$more"
    [ -n "$run_id" ] && more=",\"run_id\":$run_id$more"
    post "{\"pipeline_id\":\"$pipeline\",\"status\":\"$1\",\"event_id\":\"$night-$sent\",\"reporter\":\"report.sh\"$more}"
}

# step NAME: report the stage as running, call the function NAME, report the result. NAME prints the number of records.
step() {
    stage=$1
    report running ",\"message\":\"started by $night\""
    case $answer in
        *'"applied":false'* | *'"applied": false'*) give_up "$stage has already ended: $answer" ;;
    esac
    echo "$stage: running"
    if records=$("$stage" 2>"$scratch/error"); then
        report completed ",\"records_processed\":$records"
        echo "$stage: completed, $records records"
    else
        reason=$(tail -n 5 "$scratch/error")
        report failed ",\"error_message\":$(json "${reason:-$stage failed}")"
        echo "$stage: failed: $reason" >&2
        exit 1
    fi
}

# On a signal: report the whole run as cancelled, which also ends its open stages.
interrupted() {
    trap '' HUP INT TERM
    stage=
    [ -n "$run_id" ] && report cancelled ',"message":"report.sh was interrupted"'
    exit 1
}

# Print the checksum of each file named on standard input, one per line.
checksums() {
    tr '\n' '\000' | if command -v sha256sum >/dev/null; then xargs -0 sha256sum; else xargs -0 shasum -a 256; fi
}

# Pack the folder. Print the number of its files.
dump() {
    cd -- "$folder" || return 1
    # Skip names with a line break: they would look like two files.
    find . -type f ! -name '*
*' >"$scratch/files" || return 1
    if ! [ -s "$scratch/files" ]; then
        echo "$folder holds no files" >&2
        return 1
    fi
    checksums <"$scratch/files" >"$scratch/checksums" || return 1
    tar -czf "$archive" . || return 1
    wc -l <"$scratch/files" | tr -d ' '
}

# Copy the archive and the checksums; replace this by scp or a storage client. Print the number of files.
upload() {
    mkdir -p "$destination" || return 1
    cp "$archive" "$destination/backup-$night.tar.gz" || return 1
    cp "$scratch/checksums" "$destination/backup-$night.sha256" || return 1
    echo 2
}

# Unpack the copy and compare every file with its checksum. Print the number of identical files.
verify() {
    mkdir -p "$scratch/restored" && cd "$scratch/restored" || return 1
    tar -xzf "$destination/backup-$night.tar.gz" || return 1
    checksums <"$scratch/files" >"$scratch/restored-checksums" || return 1
    if ! cmp -s "$scratch/restored-checksums" "$destination/backup-$night.sha256"; then
        echo "the copy in $destination differs from $folder" >&2
        return 1
    fi
    wc -l <"$scratch/restored-checksums" | tr -d ' '
}

report running
# The run_id from the response, with quotes if it has them, to be sent back unchanged.
run_id=$(printf '%s' "$answer" | sed -n 's/.*"run_id" *: *\([^,} ]*\).*/\1/p')
case $run_id in
    '' | null) give_up "the answer names no run: $answer" ;;
esac
echo "run $run_id of $pipeline"
step dump
step upload
step verify
echo "run $run_id is done"
