"""How messages reach people: one file a channel, and the pipeline that does not lose them."""
