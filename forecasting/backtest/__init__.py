"""Back-testing: the same forecast made at many past origins with what was known then, scored against the truth.

- `task`: what is back-tested; a panel, a target, origins, delays.
- `reference`: the tasks of the published protocol, built from the open reference data.
- `yardstick`: the protocol's persistence, which every score is relative to.
- `runner`: origins in parallel, results cached, so an interrupted back-test goes on where it stopped.
- `scores`: tables by horizon, territory, origin and phase of the wave.
- `plots`, `report`: the HTML report.
"""
