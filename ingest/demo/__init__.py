"""Two real applications, a loopback model provider, and a schedule of quiet days and planted incidents."""
