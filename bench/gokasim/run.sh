#!/usr/bin/env bash
# The command beside kcat, in one run on one machine: how soon serve is ready, and record and load against kcat on the same cluster.
#
#   bench/gokasim/run.sh [RECORDS=1000000] [ROUNDS=5]
#
# BROKERS=host:port takes another cluster than gokasim serve, as Apache Kafka. It prints a table in Markdown: the best of the rounds, in which
# the commands take turns, the worst, and the least processor time of the command itself. Records have a key of 16 bytes, a value of 100 and a time, in 8 partitions of one topic.
set -euo pipefail
export LC_ALL=C
records=${1:-1000000} rounds=${2:-5}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
(cd "$root" && go build -trimpath -o "$work/gokasim" ./cmd/gokasim)
gokasim=$work/gokasim
now() { echo "${EPOCHREALTIME/./}"; } # microseconds

# until_ready ARGUMENT... starts serve, and prints the time until its first line, when all brokers listen.
until_ready() {
  local begun ended line
  begun=$(now)
  exec 3< <(exec "$gokasim" serve --listen 127.0.0.1:0 --log-level none "$@")
  local pid=$!
  read -r line <&3
  ended=$(now)
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  exec 3<&-
  echo $((ended - begun))
}

# spread UNIT < NUMBERS prints best, median and worst.
spread() { sort -n | awk -v unit="$1" '{ a[NR] = $1 } END { printf "%.1f | %.1f | %.1f", a[1]/unit, a[int((NR+1)/2)]/unit, a[NR]/unit }'; }

echo "| serve is ready after, of 21 starts, in ms | best | median | worst |"
echo "|---|---|---|---|"
echo "| in memory | $(for _ in $(seq 21); do until_ready; done | spread 1000) |"
echo "| with three brokers, TLS and 10 topics | $(for _ in $(seq 21); do until_ready --brokers 3 --tls $(printf -- '--topic t%s:3 ' $(seq 10)); done | spread 1000) |"
echo "| with --data, empty | $(for i in $(seq 21); do until_ready --data "$work/data$i"; done | spread 1000) |"
echo

awk -v n="$records" 'BEGIN {
  v = sprintf("%0100d", 0)
  for (i = 0; i < n; i++)
    printf "{\"topic\":\"bench\",\"partition\":%d,\"offset\":%d,\"tstype\":\"create\",\"ts\":%.0f,\"broker\":1,\"key\":\"%016d\",\"payload\":\"%s\"}\n", i % 8, int(i / 8), 1700000000000 + i, i, v
}' > "$work/dump.jsonl"
awk -F'"' '{ print $16 ":" $20 }' "$work/dump.jsonl" > "$work/pairs"

brokers=${BROKERS:-}
if [ -z "$brokers" ]; then
  exec 3< <(exec "$gokasim" serve --listen 127.0.0.1:0 --log-level none)
  server=$!
  read -r brokers <&3
fi
topic=bench-$$-read
"$gokasim" load "$work/dump.jsonl" -b "$brokers" --topic "$topic" --progress none 2>/dev/null

# measured NAME COMMAND... runs a command, and notes how many seconds it took, on the clock and of the processors.
measured() {
  local name=$1 TIMEFORMAT='%R %U %S'
  shift
  { time "$@" 2>> "$work/errors"; } 2>> "$work/$name"
}
record() { "$gokasim" record "$topic" -b "$brokers" --progress none > "$work/recorded" 2>/dev/null; }
kcat_reads() { kcat -b "$brokers" -C -t "$topic" -e -q -J > "$work/by-kcat"; }
load() { "$gokasim" load "$work/dump.jsonl" -b "$brokers" --topic "bench-$$-load-$1" --progress none 2>/dev/null; }
kcat_writes() { kcat -b "$brokers" -P -t "bench-$$-kcat-$1" -K : -X queue.buffering.max.messages=2000000 -X acks=all -X enable.idempotence=true -l "$work/pairs"; }
for round in $(seq "$rounds"); do
  measured record record
  measured kcat-reads kcat_reads
  # kcat cannot make a topic with partitions; an empty dump of one record has it made.
  head -8 "$work/dump.jsonl" | "$gokasim" load - -b "$brokers" --topic "bench-$$-kcat-$round" --progress none 2>/dev/null
  measured load load "$round"
  measured kcat-writes kcat_writes "$round"
done
[ "$(wc -l < "$work/recorded")" = "$records" ] || { echo "record wrote $(wc -l < "$work/recorded") records, want $records" >&2; exit 1; }
sort "$work/recorded" | cmp - <(sort "$work/by-kcat") || { echo "record and kcat differ" >&2; exit 1; }

row() {
  sort -n "$work/$2" | awk -v n="$records" -v label="$1" '
    { wall[NR] = $1; if (NR == 1 || $2 + $3 < cpu) cpu = $2 + $3 }
    END { printf "| %s | %.2f s | %.2f s | %d k | %.2f s |\n", label, wall[1], wall[NR], n / wall[1] / 1e3, cpu }'
}
echo "| $records records, $rounds rounds | best | worst | records/s | processor time |"
echo "|---|---|---|---|---|"
row "gokasim record" record
row "kcat -C -J" kcat-reads
row "gokasim load, with times, headers, partitions and acks=all" load
row "kcat -P -K, keys and values alone, idempotent" kcat-writes
