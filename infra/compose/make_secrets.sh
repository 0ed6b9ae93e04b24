#!/bin/sh
# Make the secrets of docker-compose.yml that are not there yet; one that exists is never touched.
# Usage: make_secrets.sh [DIRECTORY]
#
# The directory is its owner's alone. The files in it can be read by all: each is mounted by itself into the
# containers that need it, whose users have other numbers than yours.
set -eu
directory=${1:-secrets}
umask 077
mkdir -p "$directory"
chmod 700 "$directory"
cd "$directory"

key() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
digest() { printf %s "$(cat "$1")" | sha256sum | cut -d' ' -f1; } # of the words, without a line's end
make() { # NAME COMMAND...: the file of that name holds what the command prints
  name=$1
  shift
  if [ -e "$name" ]; then
    echo "$directory/$name is there: left as it is"
  else
    "$@" > "$name.new"
    chmod 644 "$name.new"
    mv "$name.new" "$name"
    echo "$directory/$name is made"
  fi
}
account() {
  echo "<clickhouse><users><lightship><password_sha256_hex>$(digest clickhouse_password)</password_sha256_hex></lightship></users></clickhouse>"
}
ingest_keys() { echo "default $(digest collector_key)"; }

make kafka_password key           # Lightship at Kafka
make kafka_collector_password key # what writes to the open topics, and may nothing else
make kafka_broker_password key    # Kafka to itself
make clickhouse_password key      # Lightship at ClickHouse
make clickhouse_account account   # what ClickHouse knows of it
make collector_token key          # applications at the Collector
make collector_key key            # the Collector at the gateway
make ingest_keys ingest_keys      # whom the gateway knows: TENANT and the SHA-256 of a key, a line each
