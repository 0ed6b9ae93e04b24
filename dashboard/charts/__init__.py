"""Altair builders: data and `Palette` in, a `Drawing` out. Pure; Streamlit is not imported here."""
