"""Hostile bytes on everything that reads what others wrote: targets, mutations, families, and their tests."""
