"""Tests: one folder per room for what needs no server, others by what they need."""
