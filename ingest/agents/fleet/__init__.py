"""The fleet shard: what services have in common, watched over all of them."""
