#!/bin/sh
# Give Kafka's users the rights of kafka.csv, row by row, with Kafka's own tool:
#   KAFKA_ACLS="bin/kafka-acls.sh --bootstrap-server kafka-1:9093 --command-config admin.properties" \
#     deploy/acl/kafka-acls.sh
# KAFKA_ACLS=echo shows what would be done; ACTION=--remove takes the rights away again.
# Other names of topics and groups (LTV_TOPIC_*, LTV_APP_ID): change them in a copy and name it first.
set -eu
# The list has an operation as the protocol's documents do; the tool knows it by another spelling.
spelt() {
  case "$1" in
    READ) echo Read ;;
    WRITE) echo Write ;;
    CREATE) echo Create ;;
    DELETE) echo Delete ;;
    ALTER) echo Alter ;;
    DESCRIBE) echo Describe ;;
    DESCRIBE_CONFIGS) echo DescribeConfigs ;;
    ALTER_CONFIGS) echo AlterConfigs ;;
    *) echo "$table: no operation of Kafka: $1" >&2; return 1 ;;
  esac
}
table="${1:-$(dirname "$0")/kafka.csv}"
: "${KAFKA_ACLS:=kafka-acls.sh --bootstrap-server ${LTV_BROKERS:-127.0.0.1:9092}}"
tail -n +2 "$table" | while IFS=, read -r user resource name pattern operation _; do
  operation="$(spelt "$operation")"
  # KAFKA_ACLS is a command with its words, so it stands without quotes.
  $KAFKA_ACLS "${ACTION:---add}" --force --allow-principal "User:$user" \
    --operation "$operation" "--$resource" "$name" --resource-pattern-type "$pattern" < /dev/null
done
