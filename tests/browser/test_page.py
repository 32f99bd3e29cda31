"""The page as people meet it: drawn, live, readable by all, at every width."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Served
from tests.api.published import AS_OF, ORIGIN, Story, observe, publish

pytestmark = pytest.mark.browser

READY = "body[data-ready]"


def _open(page: Page, served: Served, path: str = "/") -> None:
    page.goto(served.base + path)
    page.wait_for_selector(READY)


def test_the_page_shows_the_bulletin_and_draws_its_charts(served: Served, page: Page) -> None:
    _open(page, served)
    expect(page.get_by_role("heading", level=1)).to_have_text("Vigilance jaune")
    expect(page.locator(".hero .sentence")).to_contain_text("lits de soins critiques")
    expect(page.locator(".strip")).to_have_count(2)
    expect(page.locator(".tile")).to_have_count(30)
    # Four groups, the largest first, and what no group explains.
    expect(page.locator(".moves li")).to_have_count(5)
    expect(page.locator(".moves li").first).to_contain_text("laboratoires")
    expect(page.locator(".moves li").last).to_contain_text("le reste")
    expect(page.locator(".fans [data-drawn] svg")).to_have_count(2)
    expect(page.locator(".signals [data-drawn] svg")).to_have_count(3)
    hospital = page.locator("[data-partner=chu]")
    expect(hospital).to_contain_text("dernières données reçues")
    expect(hospital.locator("summary")).to_have_text("2 signaux, dont 1 en retard")
    expect(page.locator(".world")).to_contain_text("Démonstration")
    expect(page.locator(".issue")).to_contain_text("Ceci n’est pas une vigilance de l’État.")
    expect(page.locator(".issue")).to_contain_text("dimanche 1er novembre")
    # Labels of the charts are French too.
    expect(page.locator(".fans svg").first).to_contain_text("nov.")


def test_the_figures_are_there_without_the_chart(served: Served, page: Page) -> None:
    _open(page, served)
    page.locator(".fan summary").first.click()
    expect(page.locator(".fan table").first.locator("tbody tr")).to_have_count(15)


def test_english_is_complete(served: Served, page: Page) -> None:
    _open(page, served, "/?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text("yellow vigilance", ignore_case=True)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    text = page.locator("body").inner_text()
    assert not [word for word in ("Vigilance jaune", "Émetteur", "lits ") if word in text]


def test_a_new_run_appears_without_reloading(fresh: Served, page: Page) -> None:
    _open(page, fresh)
    expect(page.locator("#live")).to_have_attribute("data-state", "connected")
    page.evaluate("window.sameDocument = true")
    page.locator(".fan summary").first.click()
    # An open fold of a partner that is late is closed, a closed one of another opened.
    page.locator("[data-partner=chu] summary").click()
    page.locator("[data-partner=spf] summary").click()
    drawn = page.locator(".fans svg").first.inner_html()
    with fresh.connect() as connection:
        publish(connection, [Story(needed=70)], as_of=AS_OF + timedelta(hours=1))
    expect(page.get_by_role("heading", level=1)).to_have_text("Vigilance rouge")
    expect(page.locator(".hero")).to_have_attribute("data-colour", "red")
    expect(page).to_have_title("Loire-Atlantique – vigilance rouge – Météo santé")
    expect(page.locator("#news")).to_have_text("Nouveau bulletin : vigilance rouge.")
    expect(page.locator(".fans [data-drawn] svg")).to_have_count(2)
    assert page.locator(".fans svg").first.inner_html() != drawn
    # What the reader had opened stays open, and the document is the same one.
    expect(page.locator(".fan details").first).to_have_attribute("open", "")
    expect(page.locator("[data-partner=spf] details")).to_have_attribute("open", "")
    expect(page.locator("[data-partner=chu] details")).not_to_have_attribute("open", "")
    assert page.evaluate("window.sameDocument")


def test_messages_are_counted_as_they_arrive(fresh: Served, page: Page) -> None:
    _open(page, fresh)
    with fresh.connect() as connection:
        values = {("covid", ORIGIN - timedelta(days=n)): 5.0 for n in range(250)}
        observe(connection, "sos-nantes", "samu_calls", values)
    expect(page.locator("#live-count")).to_have_text("plus de 200 observations reçues")


def test_the_first_bulletin_replaces_the_empty_page(fresh: Served, page: Page) -> None:
    _open(page, fresh, "/t/R52")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pas encore de bulletin")
    with fresh.connect() as connection:
        publish(connection, [Story(territory="R52")], as_of=AS_OF + timedelta(hours=1))
    expect(page.locator(".tile")).to_have_count(30)


def test_the_reader_chooses_a_territory(served: Served, page: Page) -> None:
    _open(page, served)
    page.get_by_label("Territoire").select_option("85")
    expect(page).to_have_url(f"{served.base}/t/85?lang=fr")
    expect(page.get_by_role("link", name="Loire-Atlantique")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "scheme"), [("/", "light"), ("/?lang=en", "dark"), ("/mur", "light"), ("/t/R52", "dark")]
)
def test_axe_finds_no_violation(
    browser: Browser, served: Served, path: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    try:
        _open(page, served, path)
        results = Axe().run(page)
    finally:
        context.close()
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize(
    ("path", "width"), [("/", 320), ("/", 390), ("/", 768), ("/t/R52", 390), ("/mur", 390)]
)
def test_nothing_scrolls_sideways(browser: Browser, served: Served, width: int, path: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    try:
        _open(page, served, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()


def test_a_wall_shows_everything_on_one_screen(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    try:
        _open(page, served, "/mur?lang=fr")
        assert page.evaluate("document.documentElement.scrollHeight") <= 1080
        expect(page.locator(".moves")).to_be_hidden()
        expect(page.locator(".driver")).to_contain_text("laboratoires (+9")
    finally:
        context.close()


def test_the_page_reads_without_a_script(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False, locale="fr-FR")
    page = context.new_page()
    try:
        page.goto(served.base)
        expect(page.get_by_role("heading", level=1)).to_have_text("Vigilance jaune")
        expect(page.locator(".fan-sentence").first).to_contain_text("lits nécessaires")
    finally:
        context.close()


def test_the_keyboard_reaches_the_bulletin_first(served: Served, page: Page) -> None:
    _open(page, served)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
