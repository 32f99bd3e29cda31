"""The reference page of the interface, written from its own OpenAPI description.

`python -m api.reference > docs/reference/api.md` writes it again; a test holds the page against the code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from fastapi.routing import iter_route_contexts

from api.application import assembled
from api.scopes import scope_of

_INTRODUCTION = """# The interface

Written from the OpenAPI description (`/openapi.json`, OpenAPI 3.1) by `python -m api.reference`; a test holds it
against the code.

- **Moments.** `as_of` reads what was known then: an instant with offset, or a date, which means the end of that day in
  Paris. The public reads the newest cycle published by then; outside a demonstration, runs on demand or on new data
  are for sessions.
- **Languages.** `?lang=fr` or `?lang=en`, else `Accept-Language`, else French. Messages keep their key and parameters
  beside the sentence.
- **Validators.** Every public read has an `ETag`; send it back in `If-None-Match`. A run never changes and may be kept
  for ever.
- **Errors** are `application/problem+json` (RFC 9457): `type` is stable, `detail` says what to do, `errors` names
  fields.
- **Small counts.** Figures of partners under agreement obey its threshold: counts below it, and those from which one
  could be found by subtraction, are null and `hidden`; a published count moves only by the threshold or more; forecasts
  are whole numbers, coded at the threshold less one when smaller, and totals are rounded to steps as wide. Series
  under an open licence are shown as they are. Facilities are shown to managers and operators only.
- **Scopes.** `public` needs nothing; `operator` needs the session that a one-time link opens (`meteo operator link`).
  With a session, an action is accepted from our own pages only (`Origin` or `Sec-Fetch-Site`).
"""


def reference() -> str:
    """Return the page in Markdown."""
    app = assembled()
    schema = app.openapi()
    scopes = {
        (str(c.path_format), method): scope_of(c)
        for c in iter_route_contexts(app.routes)
        for method in c.methods or ()
    }
    lines = [_INTRODUCTION]
    for address, operations in schema["paths"].items():
        for method, operation in operations.items():
            scope = scopes[address, method.upper()]
            lines.extend(_operation(schema, f"{method.upper()} {address}", str(scope), operation))
    return "\n".join(lines).rstrip() + "\n"


def _operation(schema: dict[str, Any], title: str, scope: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"## `{title}`\n"
    yield f"Scope: `{scope}`. {operation.get('description', '').strip()}\n"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "| parameter | in | what |\n|---|---|---|"
        for parameter in parameters:
            name = f"`{parameter['name']}`" + (" (required)" if parameter.get("required") else "")
            told = parameter.get("description") or parameter["schema"].get("description", "")
            yield f"| {name} | {parameter['in']} | {' '.join(told.split())} |"
        yield ""
    for status, answer in operation["responses"].items():
        example = _example(schema, answer)
        if status.startswith("2") and example is not None:
            text = json.dumps(example, ensure_ascii=False, indent=1)
            yield f"```json\n{text}\n```\n"
    problems = [s for s in operation["responses"] if s.startswith(("4", "5"))]
    if problems:
        yield f"Problems: {', '.join(sorted(problems))}.\n"


def _example(schema: dict[str, Any], answer: dict[str, Any]) -> Any:
    content = answer.get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", "")
    named = schema["components"]["schemas"].get(reference.rpartition("/")[2], {})
    examples = named.get("examples", [])
    return examples[0] if examples else None


if __name__ == "__main__":
    sys.stdout.write(reference())
