"""The releases page: did a model, prompt or index change cause it."""
