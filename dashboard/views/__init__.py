"""The pages: view, query, chart and text of each side by side."""
