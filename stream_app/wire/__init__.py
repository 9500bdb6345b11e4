"""Bytes in Kafka to core types and back; one file a schema."""
