"""The French catalogue: every sentence a reader can meet. See `api.texts` for the fields."""

from __future__ import annotations

FRENCH: dict[str, str] = {
    # Words
    "unit.conventional": "hospitalisation conventionnelle",
    "unit.critical": "soins critiques",
    "colour.green": "vert",
    "colour.yellow": "jaune",
    "colour.orange": "orange",
    "colour.red": "rouge",
    "colour.grey": "gris",
    "vigilance.green": "verte",
    "vigilance.yellow": "jaune",
    "vigilance.orange": "orange",
    "vigilance.red": "rouge",
    "vigilance.grey": "grise",
    "letter.green": "V",
    "letter.yellow": "J",
    "letter.orange": "O",
    "letter.red": "R",
    "letter.grey": "?",
    "meaning.green": "moins de 10 % de risque de manquer de lits",
    "meaning.yellow": "de 10 à 30 % de risque",
    "meaning.orange": "de 30 à 60 % de risque",
    "meaning.red": "plus de 60 % de risque",
    "meaning.grey": "on ne sait pas : données absentes ou trop anciennes",
    "group.calls": "appels et actes de médecins",
    "group.emergency": "urgences",
    "group.laboratory": "laboratoires",
    "group.own": "évolution récente à l’hôpital",
    "group.calendar": "calendrier et tendance d’ensemble",
    "group.remainder": "le reste",
    "group.unknown": "non déterminé",
    "target_signal.admissions": "Admissions",
    "target_signal.critical_admissions": "Admissions en soins critiques",
    "target_signal.ed_visits": "Passages aux urgences",
    "target_signal.occupied_beds": "Lits nécessaires",
    "target_signal.occupied_critical_beds": "Lits de soins critiques nécessaires",
    # Words of headlines
    "beds_of.conventional": "lits d’hospitalisation",
    "beds_of.critical": "lits de soins critiques",
    "trend.rising": "en hausse",
    "trend.stable": "stable",
    "trend.falling": "en baisse",
    # Headlines, as in forecasting.message_keys
    "headline.green": "Pas de manque de lits attendu d’ici au {until:day}. Le plus tendu : {unit:unit}, "
    "{day:day}, {needed:number} lits nécessaires pour {free:number} disponibles ({probability:risk} de risque). "
    "Tendance {trend:trend}.",
    "headline.yellow": "{day:sentence_day}, il faudrait {needed:number} {unit:beds_of} pour "
    "{free:number} disponibles : "
    "{probability:risk} de risque d’en manquer. Tendance {trend:trend}.",
    "headline.orange": "{day:sentence_day}, il faudra sans doute {needed:number} {unit:beds_of} pour "
    "{free:number} "
    "disponibles : {probability:risk} de risque d’en manquer. Tendance {trend:trend}.",
    "headline.red": "{day:sentence_day}, les {unit:beds_of} manqueront probablement : {needed:number} "
    "nécessaires pour "
    "{free:number} disponibles, {probability:risk} de risque. Tendance {trend:trend}.",
    "pressure.green": "Pression habituelle d’ici au {until:day}. Le plus tendu : {unit:unit}, {day:day}, "
    "{needed:number} lits nécessaires ; niveau rarement dépassé ici : {free:number}. Tendance {trend:trend}.",
    "pressure.yellow": "{day:sentence_day}, {probability:risk} de risque que les {unit:beds_of} nécessaires "
    "({needed:number}) dépassent le niveau rarement atteint ici ({free:number}). Tendance {trend:trend}.",
    "pressure.orange": "{day:sentence_day}, {probability:risk} de risque que les {unit:beds_of} nécessaires "
    "({needed:number}) dépassent le niveau rarement atteint ici ({free:number}). Tendance {trend:trend}.",
    "pressure.red": "{day:sentence_day}, les {unit:beds_of} nécessaires ({needed:number}) dépasseront "
    "probablement le niveau "
    "rarement atteint ici ({free:number}) : {probability:risk} de risque. Tendance {trend:trend}.",
    "headline.kept": "Le risque baisse ({raw_colour:colour}), la couleur reste {colour:colour} jusqu’à ce "
    "qu’un second cycle le "
    "confirme. {day:sentence_day} : {needed:number} {unit:beds_of} nécessaires pour {free:number} disponibles, "
    "{probability:risk} de risque.",
    "grey.no_data": "On ne sait pas : trop peu de données pour prévoir les {unit:beds_of}.",
    "grey.no_capacity": "On ne sait pas : le nombre de {unit:beds_of} disponibles est inconnu.",
    "grey.broken": "On ne sait pas : la prévision n’est pas fiable en ce moment.",
    # Causes for not trusting
    "trust.no_data": "Aucune donnée de « {signal:signal} » ({syndrome:syndrome}).",
    "trust.late": "{partner} est en retard pour « {signal:signal} » : rien depuis {since:since}.",
    "trust.silent": "{partner} se tait pour « {signal:signal} » : rien depuis {since:since}.",
    "trust.failed": "Une étape du calcul a échoué ({step}).",
    "trust.models_failed": "Les modèles ont échoué pour {target:target} : prévision de secours par "
    "persistance.",
    "trust.old_stock": "{unit:unit} : le dernier nombre de patients présents date de {days:number} "
    "{days:plural(jour|jours)}.",
    "trust.partial": "Il manque une partie du territoire : {missing}.",
    "trust.forecast_too_low": "Les dernières prévisions ({target:target}) étaient trop basses : erreur de "
    "{error_ratio:decimal} fois celle attendue.",
    "trust.forecast_too_high": "Les dernières prévisions ({target:target}) étaient trop hautes : erreur de "
    "{error_ratio:decimal} fois celle attendue.",
    "trust.forecast_too_narrow": "Les derniers intervalles ({target:target}) étaient trop étroits : erreur de "
    "{error_ratio:decimal} fois celle attendue.",
    "trust.forecast_implausible": "La prévision des modèles ({target:target} : {median:number} par jour) est sans "
    "rapport avec le niveau actuel ({usual:number}) : prévision de secours par persistance.",
    "trust.growth_unheard_of": "Hausse plus rapide que dans toute épidémie saisonnière ({target:target}) : la dernière "
    "semaine dépasse {times:number} fois la plus haute du mois d’avant, les modèles n’ont rien vu de tel.",
    "trust.parent_flagged": "Les prévisions ({target:target}) du territoire qui le contient ({parent:place}) sont "
    "mises en doute.",
    "trust.parts_flagged": "Les prévisions ({target:target}) sont mises en doute dans {count:number} de ses "
    "{of:number} territoires.",
    "trust.signal_stale": "{signal:signal} : la dernière valeur a {age:number} {age:plural(jour|jours)} "
    "(habituellement {usual:number}).",
    "trust.input_negative": "Valeur négative reçue pour « {signal:signal} » ({value:number}).",
    "trust.input_out_of_range": "Valeur hors de toute mesure pour « {signal:signal} » : {value:number} "
    "(maximum connu {usual:number}).",
    "trust.input_flat": "Plus rien que des zéros pour « {signal:signal} » (habituellement {usual:number} "
    "par jour).",
    "trust.lag_moved": "L’avance observée de « {signal:signal} » est passée de {before:decimal} à "
    "{now:decimal} jours.",
    "trust.delays_changed": "Les délais de remontée de « {signal:signal} » ont changé : à {delay:number} "
    "{delay:plural(jour|jours)}, part reçue {now:percent} au lieu de {before:percent}.",
    # Why the forecast moves
    "explain.rise": "À {days:number} jours, {median:number} {signal:explained}, au-dessus du niveau actuel "
    "({reference:number}), surtout par : {driver:group} ({amount:signed}).",
    "explain.fall": "À {days:number} jours, {median:number} {signal:explained}, au-dessous du niveau actuel "
    "({reference:number}), surtout par : {driver:group} ({amount:signed}).",
    "explain.steady": "À {days:number} jours, {median:number} {signal:explained}, près du niveau actuel "
    "({reference:number}).",
    "explain.rise.beds": "À {days:number} jours, {median:number} {signal:explained}, plus que si les admissions "
    "restaient à leur niveau ({reference:number}), surtout par : {driver:group} ({amount:signed}).",
    "explain.fall.beds": "À {days:number} jours, {median:number} {signal:explained}, moins que si les admissions "
    "restaient à leur niveau ({reference:number}), surtout par : {driver:group} ({amount:signed}).",
    "explain.steady.beds": "À {days:number} jours, {median:number} {signal:explained}, à peu près comme si les "
    "admissions restaient à leur niveau ({reference:number}).",
    "explained.admissions": "admissions par jour",
    "explained.critical_admissions": "admissions en soins critiques par jour",
    "explained.ed_visits": "passages aux urgences par jour",
    "explained.occupied_beds": "lits d’hospitalisation",
    "explained.occupied_critical_beds": "lits de soins critiques",
    "trust.unknown": "Une surveillance du modèle signale une anomalie ({name}).",
    # Sentences of bulletins
    "day.headline": "{unit:unit}, {day:day} : {probability:risk} de risque de manquer de lits",
    # Trust
    "trust.ok": "Confiance normale",
    "trust.degraded": "Confiance réduite",
    "trust.broken": "Ne pas se fier à cette prévision",
    "trust.ok.explained": "Les données sont arrivées à l’heure et le modèle se comporte comme attendu.",
    "trust.causes": "Pourquoi",
    # The frame of the page
    "site.name": "Météo santé",
    "site.tagline": "Les lits nécessaires, quatorze jours à l’avance",
    "page.title": "{name} – vigilance {colour:vigilance} – Météo santé",
    "page.title.empty": "{name} – Météo santé",
    "page.skip": "Aller au bulletin",
    "page.language": "English",
    "page.language.label": "Lire cette page en anglais",
    "page.wall": "Affichage mural",
    "page.wall.leave": "Affichage normal",
    "page.choose": "Territoire",
    "page.choose.go": "Voir",
    "page.navigation": "Navigation",
    "page.operator": "Session opérateur",
    "page.leave": "Fermer la session",
    # Watermark
    "world.demo": "Démonstration",
    "world.demo.explained": "Données simulées ou publiques : ne pas utiliser pour décider de soins.",
    "world.exercise": "Exercice",
    "world.exercise.explained": "Exercice : aucune de ces situations n’est réelle.",
    "world.replay": "Rejeu",
    "world.replay.explained": "Rejeu du passé : ce que l’on aurait pu savoir à cette date.",
    # Hero
    "hero.vigilance": "Vigilance {colour:vigilance}",
    "hero.unknown": "Vigilance inconnue",
    "hero.today": "Lits d’hôpital, prochains 7 jours",
    "hero.why": "Principal signal : {group:group}",
    "moves.title": "Ce qui fait bouger la prévision",
    "moves.lead": "Dans {days:number} jours, {published:number} {unit:beds_of} ; {reference:number} si les "
    "admissions restaient à leur niveau.",
    "moves.brief": "Ce qui fait surtout bouger la prévision : {group:group} ({amount})",
    "moves.amount": "{amount:signed} {amount:plural(lit|lits)}",
    "moves.nothing": "Dans {days:number} jours, {published:number} {unit:beds_of} : aucun signal n’écarte la prévision "
    "de ce que donne le niveau actuel des admissions.",
    "issued.by": "Émis par {issuer}",
    "issued.at": "{moment:moment}",
    "issued.at.label": "Émis",
    "issued.until": "{moment:moment}",
    "issued.until.label": "Valable jusqu’au",
    "issued.by.label": "Émetteur",
    "issued.run.label": "Calcul",
    "issued.run": "n° {id}, données connues {moment:moment}",
    "issued.expired": "Ce bulletin n’est plus valable depuis le {moment:moment}.",
    "notice.state": "Ceci n’est pas une vigilance de l’État.",
    "notice.more": "Aide à l’organisation des lits ; ne remplace ni Santé publique France, ni l’ARS, ni "
    "Météo-France.",
    # Strip
    "strip.title": "Quatorze jours",
    "strip.lead": "La probabilité que les lits nécessaires dépassent les lits disponibles, jour par jour.",
    "strip.today": "Auj.",
    "strip.day": "{unit:unit}, {day:day} : {colour:colour}, {probability:risk} de risque",
    "strip.day.unknown": "{unit:unit}, {day:day} : {colour:colour}, risque inconnu",
    "strip.day.kept": "{unit:unit}, {day:day} : {colour:colour}, gardé jusqu’à confirmation, {probability:risk} de "
    "risque",
    "strip.kept": "Contour seul : le risque a baissé, la couleur attend qu’un second cycle le confirme",
    "strip.legend": "Ce que disent les couleurs",
    "basis.census": "Lits disponibles d’après le recensement des patients présents.",
    "basis.estimated": "Lits disponibles estimés : lits armés moins l’occupation habituelle.",
    "basis.pressure": "Pas de nombre de lits ici : pression comparée à l’histoire du territoire.",
    "basis.none": "Nombre de lits inconnu : aucune couleur ne peut être donnée.",
    # Fans
    "fan.title": "Lits nécessaires et lits disponibles",
    "fan.lead": "Au centre, la valeur la plus probable ; autour, ce qui arrivera une fois sur deux, "
    "huit fois sur dix, dix-neuf fois sur vingt.",
    "fan.sentence": "{day:day} : {median:number} {median:plural(lit nécessaire|lits nécessaires)} "
    "(entre {low:number} et {high:number}), pour {free:number} {free:plural(disponible|disponibles)}.",
    "fan.sentence.nofree": "{day:day} : {median:number} {median:plural(lit nécessaire|lits nécessaires)} "
    "(entre {low:number} et {high:number}) ; lits disponibles inconnus.",
    "fan.needed": "lits nécessaires",
    "fan.free": "lits disponibles",
    "fan.observed": "observé",
    "fan.today": "aujourd’hui",
    "fan.band": "{share:percent}",
    "fan.table": "Les chiffres",
    "fan.table.caption": "{unit:unit} : lits nécessaires et disponibles par jour",
    "fan.column.day": "Jour",
    "fan.column.median": "Nécessaires",
    "fan.column.low": "Au moins (5 %)",
    "fan.column.high": "Au plus (95 %)",
    "fan.column.free": "Disponibles",
    "fan.column.risk": "Risque",
    "fan.empty": "Pas encore de prévision de lits pour cette unité.",
    "fan.chart.label": "Courbe des lits nécessaires, {unit:unit} : {sentence}",
    # Signals
    "signals.title": "Ce qui annonce la suite",
    "signals.lead": "Les signaux qui bougent avant les admissions, et de combien de jours.",
    "signals.days": "{days:decimal} {days:plural(jour|jours)} avant",
    "signals.interval": "entre {low:decimal} et {high:decimal} jours, huit fois sur dix",
    "signals.strength": "Force du lien : {strength:percent}",
    "signals.target": "Avance sur : {target}",
    "signals.empty": "Aucun signal avancé n’est encore mesuré ici : il faut environ huit semaines de données.",
    "signals.none": "Aucun signal ne précède nettement les admissions ces dernières semaines.",
    "signals.chart.label": "{signal:signal} : moyenne sur 7 jours, du {start:short_day} au {end:short_day}",
    # Partners
    "partners.title": "Fraîcheur des partenaires",
    "partners.lead": "Quand chaque partenaire a-t-il parlé pour la dernière fois ?",
    "partners.fresh": "à jour",
    "partners.late": "en retard",
    "partners.silent": "silencieux",
    "partners.newest": "données jusqu’au {day:short_day}",
    "partners.never": "aucune donnée reçue",
    "partners.reported": "reçues {text}",
    "partners.heard": "dernières données reçues {text}",
    "partners.signals": "{count:number} {count:plural(signal|signaux)}",
    "partners.signals.behind": "{count:number} {count:plural(signal|signaux)}, dont {behind:number} en retard",
    "partners.empty": "Aucun partenaire n’a encore envoyé de données. Pour commencer : "
    "« meteo simulate » ou « meteo replay ».",
    "partners.column.partner": "Partenaire",
    "partners.column.signal": "Signal",
    "partners.column.state": "État",
    "partners.column.newest": "Dernières données",
    "partners.open": "données publiques",
    # Live
    "live.title": "En direct",
    "live.connected": "En direct",
    "live.waiting": "Connexion interrompue, nouvel essai…",
    "live.stopped": "Page figée : elle ne se met plus à jour",
    "live.messages": "{count:number} {count:plural(observation reçue|observations reçues)}",
    "live.messages.rounded": "plus de {count:number} observations reçues",
    "live.updated": "Nouveau bulletin : vigilance {colour:vigilance}.",
    "live.updated.grey": "Nouveau bulletin : vigilance inconnue.",
    # Verification
    "scores.title": "Fiabilité passée",
    "scores.record": "À 7 jours, {forecasts:number} prévisions échues : l’intervalle à 80 % a contenu la "
    "vérité "
    "{coverage:percent} du temps ; erreur de {error:number} {error:plural(lit|lits)} en moyenne{versus}.",
    "scores.versus": ", soit {ratio:percent} de celle d’une simple persistance",
    # Footer
    "footer.api": "Interface de programmation",
    "footer.data": "Données en CSV",
    "footer.sources": "Sources : partenaires du territoire sous convention ; Santé publique France "
    "(Licence Ouverte 2.0).",
    "footer.privacy": "Aucun effectif de moins de {threshold:number} venu d’un partenaire n’est publié.",
    # Empty states
    "empty.title": "Pas encore de bulletin pour {place:the_place}",
    "empty.explained": "Un bulletin paraît à chaque cycle, dès que des données sont arrivées. Tant qu’il "
    "n’y en a pas, "
    "la vigilance est inconnue (grise), jamais verte.",
    "empty.todo": "Que faire : vérifiez que les partenaires envoient (« meteo simulate », « meteo replay "
    "»), puis demandez "
    "un calcul avec « meteo run now ».",
    "empty.others": "Territoires qui ont un bulletin",
    # Operator session
    "operator.welcome": "Session ouverte",
    # Disclosure
    "disclosure.small": "moins de {threshold:number}",
    # Errors
    "problem.unknown_territory": "Territoire inconnu",
    "problem.unknown_territory.detail": "Aucun territoire n’a le code « {value} » : écrivez un "
    "département (44, 2A, 974), "
    "une région (R52) ou FR ; la liste est à /v1/territories.",
    "problem.no_bulletin": "Pas de bulletin",
    "problem.no_bulletin.detail": "Aucun bulletin de « {value} » n’était publié à ce moment : essayez "
    "sans as_of, "
    "ou un territoire de /v1/meteo.",
    "problem.no_forecast": "Pas de prévision",
    "problem.no_forecast.detail": "Aucune prévision de « {target} » pour « {value} » à ce moment. Cibles "
    "disponibles : {known}.",
    "problem.no_facility": "Établissement sans prévision",
    "problem.no_facility.detail": "Aucune prévision de l’établissement « {facility} » dans « {value} » à ce moment. "
    "Établissements prévus : {known}.",
    "problem.unknown_signal": "Signal inconnu",
    "problem.unknown_signal.detail": "Aucun signal ne s’appelle « {value} » : la liste est à /v1/signals.",
    "problem.unknown_target": "Cible illisible",
    "problem.unknown_target.detail": "« {value} » n’est pas une cible : écrivez signal:syndrome, par "
    "exemple admissions:covid.",
    "problem.no_run": "Calcul inconnu",
    "problem.no_run.detail": "Aucun calcul publié n’a le numéro {value} : la liste est à /v1/runs.",
    "problem.bad_moment": "Date illisible",
    "problem.bad_moment.detail": "{name}={value} : écrivez une date (2020-11-01) ou un instant avec décalage "
    "(2020-11-01T08:00+01:00 ; dans une adresse, + s’écrit %2B).",
    "problem.bad_period": "Période trop longue ou à l’envers",
    "problem.bad_period.detail": "De {start} à {end} : la fin doit suivre le début, et la période tenir "
    "en {days:number} jours.",
    "problem.invalid": "Demande illisible",
    "problem.invalid.detail": "Corrigez les champs de la liste « errors », puis recommencez.",
    "problem.bad_json": "JSON illisible",
    "problem.bad_json.detail": "{reason} Envoyez un objet JSON (RFC 8259) d’au plus {depth:number} "
    "niveaux, sans NaN ni Infinity.",
    "problem.too_large": "Demande trop grande",
    "problem.too_large.detail": "Le corps dépasse {limit:number} octets : envoyez-le en plusieurs fois.",
    "problem.not_found": "Adresse inconnue",
    "problem.not_found.detail": "Rien n’est servi à {value} : les adresses sont décrites à /openapi.json.",
    "problem.method": "Méthode refusée",
    "problem.method.detail": "{value} n’est pas permis ici : l’en-tête Allow dit ce qui l’est.",
    "problem.not_acceptable": "Format inconnu",
    "problem.not_acceptable.detail": "« {value} » n’est pas servi ici : demandez json ou csv.",
    "problem.sign_in": "Identification requise",
    "problem.sign_in.detail": "Cette adresse est réservée ({value}) : ouvrez un lien à usage unique, fait "
    "par « meteo operator link ».",
    "problem.forbidden": "Accès refusé",
    "problem.forbidden.detail": "Votre session ne donne pas le droit « {value} ».",
    "problem.cross_site": "Demande venue d’un autre site",
    "problem.cross_site.detail": "Une action avec session n’est acceptée que depuis cette page même.",
    "problem.used_link": "Lien expiré ou déjà utilisé",
    "problem.used_link.detail": "Un lien d’opérateur sert une seule fois : faites-en un autre avec « "
    "meteo operator link ».",
    "problem.database": "Base de données absente",
    "problem.database.detail": "La base ne répond pas : réessayez dans quelques secondes ; /readyz dit ce "
    "qui manque.",
    "problem.internal": "Erreur interne",
    "problem.internal.detail": "La faute est de notre côté et elle est notée au journal sous {value}.",
}
