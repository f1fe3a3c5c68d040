#!/bin/sh
# Asks a running deployment whether it does its work: health, a job from submit to result, a cancel, metrics.
# Needs sh and curl, and nothing of this repository.
#
#   scripts/smoke-test.sh https://jobs.example.com
#   HOLDFAST_API_KEY=hf_… scripts/smoke-test.sh https://jobs.example.com
#   scripts/smoke-test.sh -t greet -p '{"name":"Ada"}' http://127.0.0.1:3000
#
# Ends with 0 when all is well, 1 when a check failed, 2 when it was called wrongly. It leaves two jobs behind, with the tag
# smoke-test: one completed, one cancelled.
set -u

usage() {
  cat << 'END'
usage: scripts/smoke-test.sh [-t type] [-p payload] [-q queue] [-w seconds] [url]

  url         where the API is, such as http://127.0.0.1:3000; else HOLDFAST_API_URL
  -t type     of the job to run; default http_request, which GETs https://example.com/
  -p payload  of the job, a JSON object; default {}
  -q queue    the queue to use; default: default
  -w seconds  how long the job may take; default 60

HOLDFAST_API_KEY: a key of role operator, or better, where the API asks for one.
END
}

wrong() {
  printf 'smoke-test: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

type=http_request
payload=
queue=default
patience=60
while getopts t:p:q:w:h option; do
  case $option in
    t) type=$OPTARG ;;
    p) payload=$OPTARG ;;
    q) queue=$OPTARG ;;
    w) patience=$OPTARG ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || wrong "one url, not $#"
url=${1:-${HOLDFAST_API_URL:-}}
case $url in
  http://?* | https://?*) url=${url%/} ;;
  '') wrong 'which url?' ;;
  *) wrong "the url must begin with http:// or https://, not: $url" ;;
esac
case $patience in
  '' | *[!0-9]*) wrong "-w must be a whole number of seconds, not: $patience" ;;
esac
case $payload in
  '') if [ "$type" = http_request ]; then payload='{"url":"https://example.com/"}'; else payload='{}'; fi ;;
  '{'*'}') ;;
  *) wrong "-p must be a JSON object, not: $payload" ;;
esac
command -v curl > /dev/null || wrong 'curl is not installed'

ok() { printf 'ok    %s\n' "$1"; }
note() { printf '      %s\n' "$1"; }
failed() {
  printf 'FAIL  %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '      %s\n' "$2" >&2
  exit 1
}

newline='
'
status=
body=

# call METHOD PATH [BODY]: sets status and body. The key goes to curl on its standard input: arguments can be listed.
call() {
  answer=$(
    {
      [ -z "${HOLDFAST_API_KEY:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$HOLDFAST_API_KEY"
      [ $# -lt 3 ] || printf 'header = "content-type: application/json"\n'
    } | curl --silent --show-error --max-time 15 --config - --request "$1" ${3+--data-binary "$3"} \
      --write-out '\n%{http_code}' "$url$2" 2>&1
  ) || failed "$1 $2: no answer" "${answer%%"$newline"*}"
  status=${answer##*"$newline"}
  body=${answer%"$newline"*}
}

expect() {
  [ "$status" = "$1" ] && return
  case $status in
    401) failed "$2: 401, the API wants a key" 'set HOLDFAST_API_KEY; make one with: holdfast keys create smoke --role operator' ;;
    403) failed "$2: 403, the key may not do that" 'it takes one of role operator' ;;
    *) failed "$2: answered $status instead of $1" "$body" ;;
  esac
}

# text NAME / number NAME: the first field of that name. Rows come before what people put into them.
text() { printf '%s' "$body" | grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
number() { printf '%s' "$body" | grep -o "\"$1\":[0-9]*" | head -n 1 | cut -d : -f 2; }

# component NAME: its status, as /health says it.
component() { printf '%s' "$body" | grep -o "\"$1\":{\"status\":\"[a-z_]*\"" | head -n 1 | cut -d '"' -f 6; }

call GET /health
expect 200 health
ok "health: $(text status), version $(text version)"
for part in postgres redis coordinator workers; do note "$part: $(component "$part")"; done
[ "$(component coordinator)" = ok ] || failed 'health: no coordinator leads' 'start one: holdfast coordinator'
[ "$(component workers)" = ok ] || failed 'health: no worker is alive' 'start one: holdfast worker'
call GET /health/ready
expect 200 ready
ok 'ready'

call POST /api/jobs "{\"job_type\":\"$type\",\"payload\":$payload,\"queue\":\"$queue\",\"tags\":[\"smoke-test\"]}"
expect 201 submit
job=$(number job_id)
ok "submit: job $job of type $type in queue $queue"

waited=0
while :; do
  call GET "/api/jobs/$job"
  expect 200 "job $job"
  state=$(text status)
  case $state in
    completed) break ;;
    failed | cancelled) failed "run: job $job is $state" "$body" ;;
  esac
  [ "$waited" -lt "$patience" ] ||
    failed "run: job $job is still $state after $patience s" "$(text reason)"
  waited=$((waited + 1))
  sleep 1
done
ok "run: job $job completed within $((waited + 1)) s"
note "result: $(printf '%s' "$body" | sed -e 's/.*"result"://' -e 's/,"error_message":.*//' | cut -c 1-200)"

call POST /api/jobs \
  "{\"job_type\":\"$type\",\"payload\":$payload,\"queue\":\"$queue\",\"delay_ms\":3600000,\"tags\":[\"smoke-test\"]}"
expect 201 'submit for later'
later=$(number job_id)
ok "submit: job $later, due in an hour"
call DELETE "/api/jobs/$later?reason=smoke-test"
expect 200 cancel
call GET "/api/jobs/$later"
[ "$(text status)" = cancelled ] || failed "cancel: job $later is $(text status)" "$body"
ok "cancel: job $later is cancelled"

call GET /api/jobs/metrics
expect 200 'metrics'
call GET /metrics
expect 200 'metrics for Prometheus'
for metric in jobs_submitted_total http_requests_total queue_depth_gauge; do
  printf '%s' "$body" | grep -q "^$metric" || failed "metrics: there is no $metric"
done
ok 'metrics: there'

printf '\nall is well at %s\n' "$url"
