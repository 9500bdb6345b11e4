"""The embedded stack: a real Kafka and a real Valkey from packages, for demo, tests and desks."""
