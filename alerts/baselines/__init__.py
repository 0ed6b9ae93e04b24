"""Learned baselines as proposals, and people who accept them."""
