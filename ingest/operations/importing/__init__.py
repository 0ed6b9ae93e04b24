"""Records of files through the same path as live traffic."""
