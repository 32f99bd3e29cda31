"""What every part stands on: settings, clock, worlds, database, migrations, services, telemetry, command line.

Nothing about health lives here: no signal, no forecast, no page. `infra` imports none of the other folders.
"""
