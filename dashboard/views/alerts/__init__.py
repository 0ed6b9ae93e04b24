"""The page about being on call: is on-call healthy."""
