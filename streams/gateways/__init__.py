"""Gateways: where a partner's data enters. They read its format, pseudonymise, quarantine and publish.

A gateway can stand at the partner's own premises: nothing here opens the database.
"""
