"""Embedded broker and store for laptops, demos and CI, and the supervisor that runs children.

Each server is a process of its own (``python -m infra.embedded.broker`` and so on) started by command line;
nothing outside this folder knows whether it talks to these or to Apache Kafka and ClickHouse.
"""
