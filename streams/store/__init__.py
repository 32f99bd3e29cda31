"""The store: observations with their three times, what is read from them as of a moment, and their erasure.

Every read takes an as-of. Rows are appended; a correction or cancellation is a new revision.
"""
