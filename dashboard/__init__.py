"""What people look at: queries over ClickHouse, charts and Streamlit views."""
