"""What people and programs read: the JSON API, the live stream, the page.

Here live routes, their scopes, what may be disclosed, and the texts in the reader's language. Nothing is
counted, forecast or stored here: rows come from `streams.store` and `forecasting.store` as they are.
"""
