"""Agreements of the invented partners: the YAML files of `partners/`, rewritten for another territory than 44."""

from __future__ import annotations

from importlib.resources import files

from streams.simulator.scenario import Scenario
from streams.store.partners import Agreement, read_agreement


def agreements_of(scenario: Scenario) -> tuple[Agreement, ...]:
    """Return the agreement of each partner of a scenario, in the order of its partners."""
    folder = files("streams.simulator").joinpath("partners")
    out = []
    for partner in scenario.partners:
        name = f"{partner.key.removesuffix('-' + scenario.territory.lower())}.yaml"
        agreement = read_agreement(folder.joinpath(name).read_text(encoding="utf-8"), name)
        facility = partner.facility
        told = [f.model_copy(update={"finess": facility.finess}) for f in agreement.facilities if facility]
        local = {
            "key": partner.key,
            "name": f"{partner.name} (simulé)",
            "places": (scenario.territory,),
            "facilities": tuple(f.model_copy(update={"place": scenario.territory}) for f in told),
            "group": f"simulated-{scenario.territory.lower()}",
        }
        out.append(agreement.model_copy(update=local))
    return tuple(out)
