"""What is counted beside single calls: runs of agents and conversations; and calls told twice."""
