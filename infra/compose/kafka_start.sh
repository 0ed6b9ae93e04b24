#!/bin/sh
# Start Apache Kafka with the given properties, formatting its storage if that is new.
set -eu
properties=$1
bin=${KAFKA_BIN:-/opt/kafka/bin}
data=$(sed -n 's/^log\.dirs=//p' "$properties")
if [ ! -e "$data/meta.properties" ]; then
  "$bin/kafka-storage.sh" format --cluster-id "$("$bin/kafka-storage.sh" random-uuid)" --config "$properties"
fi
exec "$bin/kafka-server-start.sh" "$properties"
