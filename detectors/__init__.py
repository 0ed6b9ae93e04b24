"""Pure computation: redaction, scorers, observations and detection. No I/O, clocks, threads or Kafka."""
