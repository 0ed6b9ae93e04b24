"""What operators do with a running or stored Lightship, apart from the stream."""
