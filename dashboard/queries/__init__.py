"""All SQL of the dashboard. Every query names its tenant and lineage, binds its values and caps its rows."""
