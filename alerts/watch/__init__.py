"""The watcher watched: what is wrong with Lightship itself."""
