"""The description of the interface: OpenAPI 3.1, with examples, and a reference page that says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.application import assembled
from api.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
SCHEMA: dict[str, Any] = assembled().openapi()
OPERATIONS = [(method, address) for address, operations in SCHEMA["paths"].items() for method in operations]


def test_it_is_openapi_3_1_and_tells_our_errors() -> None:
    assert SCHEMA["openapi"].startswith("3.1")
    schemas = SCHEMA["components"]["schemas"]
    assert "ProblemOut" in schemas
    assert "HTTPValidationError" not in schemas


@pytest.mark.parametrize(("method", "address"), OPERATIONS)
def test_every_route_is_described_with_an_example(method: str, address: str) -> None:
    operation = SCHEMA["paths"][address][method]
    assert operation["description"]
    for parameter in operation.get("parameters", []):
        assert parameter.get("description"), f"{parameter['name']} is not described"
    for answer in operation["responses"].values():
        for form, content in answer.get("content", {}).items():
            if form == "application/json" and "example" not in content:
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                assert SCHEMA["components"]["schemas"][name]["examples"], name


def test_the_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run `python -m api.reference > docs/reference/api.md`"
    )
