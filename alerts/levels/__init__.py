"""Learned levels as a proposal, and people who accept them."""
