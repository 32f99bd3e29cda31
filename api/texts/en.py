"""The English catalogue: the same keys and fields as the French one. See `api.texts` for the fields."""

from __future__ import annotations

ENGLISH: dict[str, str] = {
    # Words
    "unit.conventional": "conventional wards",
    "unit.critical": "critical care",
    "colour.green": "green",
    "colour.yellow": "yellow",
    "colour.orange": "orange",
    "colour.red": "red",
    "colour.grey": "grey",
    "vigilance.green": "green",
    "vigilance.yellow": "yellow",
    "vigilance.orange": "orange",
    "vigilance.red": "red",
    "vigilance.grey": "grey",
    "letter.green": "G",
    "letter.yellow": "Y",
    "letter.orange": "O",
    "letter.red": "R",
    "letter.grey": "?",
    "meaning.green": "less than 10% risk of running short of beds",
    "meaning.yellow": "10 to 30% risk",
    "meaning.orange": "30 to 60% risk",
    "meaning.red": "more than 60% risk",
    "meaning.grey": "not known: data missing or too old",
    "group.calls": "calls and doctors’ visits",
    "group.emergency": "emergency departments",
    "group.laboratory": "laboratories",
    "group.own": "recent course in hospital",
    "group.calendar": "calendar and common trend",
    "group.remainder": "the remainder",
    "group.unknown": "not determined",
    "target_signal.admissions": "Admissions",
    "target_signal.critical_admissions": "Critical care admissions",
    "target_signal.ed_visits": "Emergency visits",
    "target_signal.occupied_beds": "Beds needed",
    "target_signal.occupied_critical_beds": "Critical care beds needed",
    # Words of headlines
    "beds_of.conventional": "ward beds",
    "beds_of.critical": "critical care beds",
    "trend.rising": "rising",
    "trend.stable": "steady",
    "trend.falling": "falling",
    # Headlines, as in forecasting.message_keys
    "headline.green": "No shortage of beds expected until {until:day}. The tightest: {unit:unit}, {day:day}, "
    "{needed:number} beds needed for {free:number} available ({probability:risk} risk). "
    "Trend: {trend:trend}.",
    "headline.yellow": "{day:sentence_day}, {needed:number} {unit:beds_of} might be needed for "
    "{free:number} available: "
    "{probability:risk} risk of running short. Trend: {trend:trend}.",
    "headline.orange": "{day:sentence_day}, {needed:number} {unit:beds_of} will probably be needed for "
    "{free:number} "
    "available: {probability:risk} risk of running short. Trend: {trend:trend}.",
    "headline.red": "{day:sentence_day}, {unit:beds_of} will probably run short: {needed:number} needed for "
    "{free:number} available, {probability:risk} risk. Trend: {trend:trend}.",
    "pressure.green": "Usual pressure until {until:day}. The tightest: {unit:unit}, {day:day}, "
    "{needed:number} beds needed; level rarely exceeded here: {free:number}. Trend: {trend:trend}.",
    "pressure.yellow": "{day:sentence_day}, {probability:risk} risk that the {unit:beds_of} needed "
    "({needed:number}) exceed the level rarely reached here ({free:number}). Trend: {trend:trend}.",
    "pressure.orange": "{day:sentence_day}, {probability:risk} risk that the {unit:beds_of} needed "
    "({needed:number}) exceed the level rarely reached here ({free:number}). Trend: {trend:trend}.",
    "pressure.red": "{day:sentence_day}, the {unit:beds_of} needed ({needed:number}) will probably exceed "
    "the level "
    "rarely reached here ({free:number}): {probability:risk} risk. Trend: {trend:trend}.",
    "headline.kept": "The risk goes down ({raw_colour:colour}); the colour stays {colour:colour} until a "
    "second cycle confirms "
    "it. {day:sentence_day}: {needed:number} {unit:beds_of} needed for {free:number} available, "
    "{probability:risk} risk.",
    "grey.no_data": "Not known: too few data to forecast {unit:beds_of}.",
    "grey.no_capacity": "Not known: the number of {unit:beds_of} available is unknown.",
    "grey.broken": "Not known: the forecast cannot be relied on at present.",
    # Causes for not trusting
    "trust.no_data": "No data of “{signal:signal}” ({syndrome:syndrome}).",
    "trust.late": "{partner} is late with “{signal:signal}”: nothing since {since:since}.",
    "trust.silent": "{partner} is silent on “{signal:signal}”: nothing since {since:since}.",
    "trust.failed": "A step of the computation failed ({step}).",
    "trust.models_failed": "The models failed for {target:target}: fallback forecast by persistence.",
    "trust.old_stock": "{unit:unit}: the newest number of patients present is {days:number} "
    "{days:plural(day|days)} old.",
    "trust.partial": "A part of the territory is missing: {missing}.",
    "trust.forecast_too_low": "Recent forecasts ({target:target}) were too low: {error_ratio:decimal} times the "
    "expected error.",
    "trust.forecast_too_high": "Recent forecasts ({target:target}) were too high: {error_ratio:decimal} times "
    "the expected error.",
    "trust.forecast_too_narrow": "Recent intervals ({target:target}) were too narrow: {error_ratio:decimal} times "
    "the expected error.",
    "trust.forecast_implausible": "The models’ forecast ({target:target}: {median:number} a day) is out of "
    "proportion to the present level ({usual:number}): fallback forecast by persistence.",
    "trust.growth_unheard_of": "A rise faster than that of any seasonal epidemic ({target:target}): the newest week is "
    "more than {times:number} times the highest of the month before, and models have seen nothing like it.",
    "trust.parent_flagged": "Forecasts ({target:target}) of the territory around it ({parent:place}) are doubted.",
    "trust.parts_flagged": "Forecasts ({target:target}) are doubted in {count:number} of its {of:number} territories.",
    "trust.signal_stale": "{signal:signal}: the newest value is {age:number} {age:plural(day|days)} old "
    "(usually {usual:number}).",
    "trust.input_negative": "A negative value was received for “{signal:signal}” ({value:number}).",
    "trust.input_out_of_range": "A value far beyond any seen before for “{signal:signal}”: {value:number} "
    "(highest known {usual:number}).",
    "trust.input_flat": "Nothing but zeros for “{signal:signal}” (usually {usual:number} a day).",
    "trust.lag_moved": "The observed lead of “{signal:signal}” moved from {before:decimal} to "
    "{now:decimal} days.",
    "trust.delays_changed": "Reporting delays of “{signal:signal}” changed: after {delay:number} "
    "{delay:plural(day|days)} {now:percent} is in, not {before:percent}.",
    # Why the forecast moves
    "explain.rise": "In {days:number} days, {median:number} {signal:explained}, above the present level "
    "({reference:number}), mainly from: {driver:group} ({amount:signed}).",
    "explain.fall": "In {days:number} days, {median:number} {signal:explained}, below the present level "
    "({reference:number}), mainly from: {driver:group} ({amount:signed}).",
    "explain.steady": "In {days:number} days, {median:number} {signal:explained}, near the present level "
    "({reference:number}).",
    "explain.rise.beds": "In {days:number} days, {median:number} {signal:explained}, more than if admissions kept "
    "their level ({reference:number}), mainly from: {driver:group} ({amount:signed}).",
    "explain.fall.beds": "In {days:number} days, {median:number} {signal:explained}, fewer than if admissions kept "
    "their level ({reference:number}), mainly from: {driver:group} ({amount:signed}).",
    "explain.steady.beds": "In {days:number} days, {median:number} {signal:explained}, much as if admissions kept "
    "their level ({reference:number}).",
    "explained.admissions": "admissions a day",
    "explained.critical_admissions": "critical care admissions a day",
    "explained.ed_visits": "emergency visits a day",
    "explained.occupied_beds": "ward beds",
    "explained.occupied_critical_beds": "critical care beds",
    "trust.unknown": "A monitor of the model reports an anomaly ({name}).",
    # Sentences of bulletins
    "day.headline": "{unit:unit}, {day:day}: {probability:risk} risk of running short",
    # Trust
    "trust.ok": "Normal trust",
    "trust.degraded": "Reduced trust",
    "trust.broken": "Do not rely on this forecast",
    "trust.ok.explained": "Data came in on time and the model behaves as expected.",
    "trust.causes": "Why",
    # The frame of the page
    "site.name": "Météo santé",
    "site.tagline": "Beds needed, fourteen days ahead",
    "page.title": "{name} – {colour:vigilance} vigilance – Météo santé",
    "page.title.empty": "{name} – Météo santé",
    "page.skip": "Go to the bulletin",
    "page.language": "Français",
    "page.language.label": "Read this page in French",
    "page.wall": "Wall display",
    "page.wall.leave": "Normal display",
    "page.choose": "Territory",
    "page.choose.go": "Show",
    "page.navigation": "Navigation",
    "page.operator": "Operator session",
    "page.leave": "Close the session",
    # Watermark
    "world.demo": "Demonstration",
    "world.demo.explained": "Simulated or public data: not to be used to decide on care.",
    "world.exercise": "Exercise",
    "world.exercise.explained": "Exercise: none of this is real.",
    "world.replay": "Replay",
    "world.replay.explained": "Replay of the past: what could have been known on that date.",
    # Hero
    "hero.vigilance": "{colour:vigilance} vigilance",
    "hero.unknown": "Vigilance unknown",
    "hero.today": "Hospital beds, next 7 days",
    "hero.why": "Main signal: {group:group}",
    "moves.title": "What moves the forecast",
    "moves.lead": "In {days:number} days, {published:number} {unit:beds_of}; {reference:number} if "
    "admissions kept their level.",
    "moves.brief": "What mostly moves the forecast: {group:group} ({amount})",
    "moves.amount": "{amount:signed} {amount:plural(bed|beds)}",
    "moves.nothing": "In {days:number} days, {published:number} {unit:beds_of}: no signal moves the forecast away "
    "from what the present level of admissions gives.",
    "issued.by": "Issued by {issuer}",
    "issued.at": "{moment:moment}",
    "issued.at.label": "Issued",
    "issued.until": "{moment:moment}",
    "issued.until.label": "Valid until",
    "issued.by.label": "Issuer",
    "issued.run.label": "Run",
    "issued.run": "no. {id}, data known {moment:moment}",
    "issued.expired": "This bulletin has not been valid since {moment:moment}.",
    "notice.state": "This is not a vigilance notice of the French State.",
    "notice.more": "A help to organise beds; it replaces neither Santé publique France, nor the ARS, nor "
    "Météo-France.",
    # Strip
    "strip.title": "Fourteen days",
    "strip.lead": "The probability that beds needed exceed beds available, day by day.",
    "strip.today": "Today",
    "strip.day": "{unit:unit}, {day:day}: {colour:colour}, {probability:risk} risk",
    "strip.day.unknown": "{unit:unit}, {day:day}: {colour:colour}, risk unknown",
    "strip.day.kept": "{unit:unit}, {day:day}: {colour:colour}, kept until confirmed, {probability:risk} risk",
    "strip.kept": "Outline only: the risk went down, the colour waits for a second cycle to confirm it",
    "strip.legend": "What the colours say",
    "basis.census": "Beds available from the census of patients present.",
    "basis.estimated": "Beds available are estimated: staffed beds less the usual occupancy.",
    "basis.pressure": "No number of beds here: pressure against the territory’s own history.",
    "basis.none": "Number of beds unknown: no colour can be given.",
    # Fans
    "fan.title": "Beds needed and beds available",
    "fan.lead": "In the middle, the most likely value; around it, what will happen one time in two, "
    "eight times in ten, nineteen times in twenty.",
    "fan.sentence": "{day:day}: {median:number} {median:plural(bed|beds)} needed "
    "({low:number} to {high:number}), for {free:number} available.",
    "fan.sentence.nofree": "{day:day}: {median:number} {median:plural(bed|beds)} needed "
    "({low:number} to {high:number}); beds available unknown.",
    "fan.needed": "beds needed",
    "fan.free": "beds available",
    "fan.observed": "observed",
    "fan.today": "today",
    "fan.band": "{share:percent}",
    "fan.table": "The figures",
    "fan.table.caption": "{unit:unit}: beds needed and available by day",
    "fan.column.day": "Day",
    "fan.column.median": "Needed",
    "fan.column.low": "At least (5%)",
    "fan.column.high": "At most (95%)",
    "fan.column.free": "Available",
    "fan.column.risk": "Risk",
    "fan.empty": "No forecast of beds for this unit yet.",
    "fan.chart.label": "Chart of beds needed, {unit:unit}: {sentence}",
    # Signals
    "signals.title": "What announces the rest",
    "signals.lead": "The signals that move before admissions do, and by how many days.",
    "signals.days": "{days:decimal} {days:plural(day|days)} ahead",
    "signals.interval": "between {low:decimal} and {high:decimal} days, eight times in ten",
    "signals.strength": "Strength of the link: {strength:percent}",
    "signals.target": "Ahead of: {target}",
    "signals.empty": "No leading signal is measured here yet: about eight weeks of data are needed.",
    "signals.none": "No signal has clearly moved ahead of admissions in recent weeks.",
    "signals.chart.label": "{signal:signal}: 7-day mean, {start:short_day} to {end:short_day}",
    # Partners
    "partners.title": "How fresh the partners are",
    "partners.lead": "When did each partner last speak?",
    "partners.fresh": "up to date",
    "partners.late": "late",
    "partners.silent": "silent",
    "partners.newest": "data to {day:short_day}",
    "partners.never": "no data received",
    "partners.reported": "received {text}",
    "partners.heard": "last data received {text}",
    "partners.signals": "{count:number} {count:plural(signal|signals)}",
    "partners.signals.behind": "{count:number} {count:plural(signal|signals)}, {behind:number} of them late",
    "partners.empty": "No partner has sent data yet. To begin: “meteo simulate” or “meteo replay”.",
    "partners.column.partner": "Partner",
    "partners.column.signal": "Signal",
    "partners.column.state": "State",
    "partners.column.newest": "Newest data",
    "partners.open": "public data",
    # Live
    "live.title": "Live",
    "live.connected": "Live",
    "live.waiting": "Connection lost, trying again…",
    "live.stopped": "Frozen: this page no longer updates",
    "live.messages": "{count:number} {count:plural(observation|observations)} received",
    "live.messages.rounded": "more than {count:number} observations received",
    "live.updated": "New bulletin: {colour:vigilance} vigilance.",
    "live.updated.grey": "New bulletin: vigilance unknown.",
    # Verification
    "scores.title": "Past reliability",
    "scores.record": "At 7 days, {forecasts:number} forecasts have come due: the 80% interval held the truth "
    "{coverage:percent} of the time; mean error {error:number} {error:plural(bed|beds)}{versus}.",
    "scores.versus": ", which is {ratio:percent} of that of plain persistence",
    # Footer
    "footer.api": "Programming interface",
    "footer.data": "Data as CSV",
    "footer.sources": "Sources: partners of the territory under agreement; Santé publique France (Licence "
    "Ouverte 2.0).",
    "footer.privacy": "No count below {threshold:number} from a partner is published.",
    # Empty states
    "empty.title": "No bulletin for {place:the_place} yet",
    "empty.explained": "A bulletin appears at each cycle once data are in. Until then the vigilance is "
    "unknown (grey), "
    "never green.",
    "empty.todo": "What to do: check that the partners send (“meteo simulate”, “meteo replay”), then ask "
    "for a run with "
    "“meteo run now”.",
    "empty.others": "Territories that have a bulletin",
    # Operator session
    "operator.welcome": "Session open",
    # Disclosure
    "disclosure.small": "fewer than {threshold:number}",
    # Errors
    "problem.unknown_territory": "Unknown territory",
    "problem.unknown_territory.detail": "No territory has the code “{value}”: write a département (44, "
    "2A, 974), "
    "a region (R52) or FR; the list is at /v1/territories.",
    "problem.no_bulletin": "No bulletin",
    "problem.no_bulletin.detail": "No bulletin of “{value}” was published at that moment: try without as_of, "
    "or a territory of /v1/meteo.",
    "problem.no_forecast": "No forecast",
    "problem.no_forecast.detail": "No forecast of “{target}” for “{value}” at that moment. Targets there "
    "are: {known}.",
    "problem.no_facility": "No forecast of that hospital",
    "problem.no_facility.detail": "No forecast of the hospital “{facility}” in “{value}” at that moment. Hospitals "
    "forecast there are: {known}.",
    "problem.unknown_signal": "Unknown signal",
    "problem.unknown_signal.detail": "No signal is called “{value}”: the list is at /v1/signals.",
    "problem.unknown_target": "Unreadable target",
    "problem.unknown_target.detail": "“{value}” is no target: write signal:syndrome, for example "
    "admissions:covid.",
    "problem.no_run": "Unknown run",
    "problem.no_run.detail": "No published run has number {value}: the list is at /v1/runs.",
    "problem.bad_moment": "Unreadable date",
    "problem.bad_moment.detail": "{name}={value}: write a date (2020-11-01) or an instant with its offset "
    "(2020-11-01T08:00+01:00; in an address + is written %2B).",
    "problem.bad_period": "Period too long or backwards",
    "problem.bad_period.detail": "From {start} to {end}: the end must follow the start, and the period "
    "fit in {days:number} days.",
    "problem.invalid": "Unreadable request",
    "problem.invalid.detail": "Correct the fields listed under “errors” and send it again.",
    "problem.bad_json": "Unreadable JSON",
    "problem.bad_json.detail": "{reason} Send one JSON object (RFC 8259) of at most {depth:number} "
    "levels, without NaN or Infinity.",
    "problem.too_large": "Request too large",
    "problem.too_large.detail": "The body exceeds {limit:number} bytes: send it in parts.",
    "problem.not_found": "Unknown address",
    "problem.not_found.detail": "Nothing is served at {value}: the addresses are described at /openapi.json.",
    "problem.method": "Method not allowed",
    "problem.method.detail": "{value} is not allowed here: the Allow header says what is.",
    "problem.not_acceptable": "Unknown format",
    "problem.not_acceptable.detail": "“{value}” is not served here: ask for json or csv.",
    "problem.sign_in": "Sign in first",
    "problem.sign_in.detail": "This address is reserved ({value}): open a one-time link made by “meteo "
    "operator link”.",
    "problem.forbidden": "Not allowed",
    "problem.forbidden.detail": "Your session does not give the right “{value}”.",
    "problem.cross_site": "Request from another site",
    "problem.cross_site.detail": "An action with a session is accepted from this very page only.",
    "problem.used_link": "Link expired or already used",
    "problem.used_link.detail": "An operator link works once: make another with “meteo operator link”.",
    "problem.database": "Database away",
    "problem.database.detail": "The database does not answer: try again in a few seconds; /readyz says "
    "what is missing.",
    "problem.internal": "Internal error",
    "problem.internal.detail": "The fault is ours and is in the log under {value}.",
}
