"""What lies outside the process: Redis, its guarded writer and its reader; Kafka's logs."""
