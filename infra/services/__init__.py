"""Starters of the real services: Apache Kafka, PostgreSQL and TimescaleDB, without a container engine.

What lives here: finding, checking, starting and stopping those programs, each with its data in one folder.
What does not: what is sent through them (`streams`) or kept in them (`infra.migrations`).
"""
