"""The stream workers: Faust, and the stages that run on it."""
