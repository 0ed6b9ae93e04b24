"""Reading and writing the log: order, holes, ends, clocks."""
