"""The distributed mode on one machine, without Docker: real Kafka and PostgreSQL (backends), and the apps (stack)."""
