"""The replay of a reference folder: past reports in the order in which they became known, in a world of its own."""
