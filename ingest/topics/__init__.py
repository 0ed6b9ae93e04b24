"""Reading and writing the log: order, holes, batches, and the messages of its topics."""
