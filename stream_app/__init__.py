"""Live customer lifetime value: purchases in Kafka become scores in Redis."""

__version__ = "0.1.0"
