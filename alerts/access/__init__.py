"""Who may ask the alerts API, and what people type into it."""
