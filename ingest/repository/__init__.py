"""What stage 1 stores: tables, rows and queries."""
