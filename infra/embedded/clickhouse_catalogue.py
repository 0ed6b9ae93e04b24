"""Engines and functions by whether they stay inside the embedded engine.

Everything not named here is refused, so that a new version of the engine opens no door by itself.
"""

from __future__ import annotations

TABLE_ENGINES = frozenset(
    f"{kind}MergeTree"
    for kind in (
        "",
        "Aggregating",
        "Coalescing",
        "Collapsing",
        "Graphite",
        "Replacing",
        "Summing",
        "VersionedCollapsing",
    )
) | {
    "GenerateRandom",
    "Join",
    "Log",
    "MaterializedView",
    "Memory",
    "Merge",
    "Null",
    "Set",
    "StripeLog",
    "TinyLog",
    "View",
}
DATABASE_ENGINES = frozenset({"Atomic", "Memory"})

TABLE_FUNCTIONS = frozenset(
    {
        "dictionary",
        "format",
        "fuzzJSON",
        "fuzzQuery",
        "generateRandom",
        "generateSeries",
        "generate_series",
        "input",
        "loop",
        "merge",
        "mergeTreeAnalyzeIndexes",
        "mergeTreeAnalyzeIndexesUUID",
        "mergeTreeCodecBlockCounts",
        "mergeTreeIndex",
        "mergeTreeProjection",
        "mergeTreeTextIndex",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "prometheusQuery",
        "prometheusQueryRange",
        "SQLStandardValues",
        "timeSeriesData",
        "timeSeriesMetricFamilies",
        "timeSeriesMetrics",
        "timeSeriesSamples",
        "timeSeriesSelector",
        "timeSeriesTags",
        "values",
        "view",
        "viewExplain",
        "viewIfPermitted",
        "zeros",
        "zeros_mt",
    }
)
"""Table functions that stay inside the engine."""

OUTSIDE_FUNCTIONS = frozenset(
    {
        "arrowstream",
        "azureblobstorage",
        "azureblobstoragecluster",
        "bigquery",
        "cluster",
        "clusterallreplicas",
        "cosn",
        "deltalake",
        "deltalakeazure",
        "deltalakeazurecluster",
        "deltalakecluster",
        "deltalakelocal",
        "deltalakes3",
        "deltalakes3cluster",
        "eval",
        "executable",
        "file",
        "filecluster",
        "filesystem",
        "gcs",
        "hdfs",
        "hdfscluster",
        "hudi",
        "hudicluster",
        "iceberg",
        "icebergazure",
        "icebergazurecluster",
        "icebergcluster",
        "iceberghdfs",
        "iceberghdfscluster",
        "iceberglocal",
        "iceberglocalcluster",
        "icebergs3",
        "icebergs3cluster",
        "jdbc",
        "mongodb",
        "mysql",
        "odbc",
        "oss",
        "paimon",
        "paimonazure",
        "paimonazurecluster",
        "paimoncluster",
        "paimonhdfs",
        "paimonhdfscluster",
        "paimonlocal",
        "paimons3",
        "paimons3cluster",
        "postgresql",
        "python",
        "redis",
        "remote",
        "remotesecure",
        "s3",
        "s3cluster",
        "sqlite",
        "url",
        "urlcluster",
        "ytsaurus",
    }
)
"""Table functions (and ``file``, also a scalar one) that read or write outside the engine, in lower case.

A test compares both sets with what the installed engine has.
"""

OUTSIDE_CALLS = frozenset(
    {
        "aiclassify",
        "aiembed",
        "aiextract",
        "aifilter",
        "aigenerate",
        "airedact",
        "aisimilarity",
        "aitranslate",
        "catboostevaluate",
        "disk",
        "getclienthttpheader",
    }
)
"""Functions, and the clause of a disk, that do the same without being table functions, in lower case."""

SQL_SETTINGS = frozenset(
    {
        "additional_result_filter",
        "additional_table_filters",
        "dialect",
        "filter",
        "format_avro_schema_registry_url",
        "format_schema",
        "format_schema_source",
        "format_template_resultset",
        "format_template_row",
        "implicit_select",
        "implicit_table_at_top_level",
        "input_format_record_errors_file_path",
        "input_format_values_interpret_expressions",
        "output_format_schema",
        "parallel_replicas_custom_key",
        "polyglot_dialect",
        "rename_files_after_processing",
        "url_base",
    }
)
"""Settings that name files or addresses, hold SQL as text or change the parser: no request may give them."""
