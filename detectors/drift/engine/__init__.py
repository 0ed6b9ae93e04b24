"""What decides: arrays over channels, a tick a call. No I/O, no clock, no names of series."""
