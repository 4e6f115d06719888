"""The report in a real browser, without a window."""

import json
import shutil
from pathlib import Path

import pytest

from sea_pyg.report import grid_sections, load_cells, sections_html
from tests.report.grids import write_grid

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = ["headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"]
TABLE = "table[aria-label='{}, fake, own split']"

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER),
    reason="needs a browser: apt-get install chromium chromium-driver",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = write_grid(tmp_path_factory.mktemp("grid"))
    path = folder / "report.html"
    sections = grid_sections(load_cells(folder))
    path.write_text(sections_html(sections, folder), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('browser')}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def opened(driver, page):
    driver.get(page.as_uri())
    return driver


def _head(driver, table: str, name: str):
    heads = driver.find_elements("css selector", TABLE.format(table) + " thead th")
    return next(head for head in heads if head.text == name)


def _column(driver, table: str, number: int) -> list[str]:
    cells = f"{TABLE.format(table)} tbody tr > :nth-child({number})"
    return [cell.text for cell in driver.find_elements("css selector", cells)]


def test_a_click_sorts_numbers(opened):
    table = "Beyond accuracy"
    head = _head(opened, table, "parameters")
    button = head.find_element("tag name", "button")
    before = ["30000", "20", "1000", "900"]
    assert sorted(_column(opened, table, 7)) == sorted(before)
    assert _column(opened, table, 7) == ["900", "1000", "20", "30000"]
    assert head.get_attribute("aria-sort") == "none"
    button.click()
    assert _column(opened, table, 7) == ["20", "900", "1000", "30000"]
    assert _column(opened, table, 1) == ["EASE", "SEA", "LightGCN", "BPRMF"]
    assert head.get_attribute("aria-sort") == "ascending"
    button.click()
    assert _column(opened, table, 7) == ["30000", "1000", "900", "20"]
    assert head.get_attribute("aria-sort") == "descending"
    other = _head(opened, table, "method")
    other.find_element("tag name", "button").click()
    assert _column(opened, table, 1) == ["BPRMF", "EASE", "LightGCN", "SEA"]
    assert head.get_attribute("aria-sort") == "none"
    assert other.get_attribute("aria-sort") == "ascending"


def test_a_key_sorts_and_missing_values_stay_last(opened):
    table = "Beyond accuracy"
    head = _head(opened, table, "cold_recall@20")
    for keys, wanted in (
        ("\ue007", ["0.0000", "0.0200", "0.0300", "-"]),  # Enter
        (" ", ["0.0300", "0.0200", "0.0000", "-"]),
    ):
        head.find_element("tag name", "button").send_keys(keys)
        assert _column(opened, table, 5) == wanted


def test_intervals_sort_by_their_lower_end(opened):
    table = "Test recall@20"
    _head(opened, table, "95% over users").find_element("tag name", "button").click()
    ends = [float(t.partition("..")[0]) for t in _column(opened, table, 4)]
    assert ends == sorted(ends)
    assert _column(opened, table, 1)[0] == "BPRMF"


def test_a_number_leads_to_its_rows(opened):
    row = TABLE.format("Test recall@20") + " tbody tr:nth-child(2)"
    assert opened.find_element("css selector", row + " th").text == "SEA"
    opened.find_element("css selector", row + " th a").click()
    shown = opened.find_elements("css selector", "tr.shown")
    assert [cell.text.split()[:2] for cell in shown] == [
        ["SEA", "0"],
        ["SEA", "1"],
        ["SEA", "2"],
    ]
    shown[1].find_element("css selector", "td a").click()
    assert opened.current_url.endswith("/fake-own/method-0/seed-1.json")
    assert '"method": "SEA"' in opened.page_source


def test_a_mean_leads_to_its_json(opened):
    row = TABLE.format("Test recall@20") + " tbody tr:nth-child(2)"
    link = opened.find_element("css selector", row + " td:nth-child(3) a")
    mean = link.text
    details = opened.find_element("css selector", "section details")
    assert details.get_attribute("open") is None
    link.click()
    assert details.get_attribute("open") is not None
    target = opened.find_element("css selector", "pre:target")
    plain = json.loads(target.text)
    assert (plain["method"], f"{plain['mean']:.4f}") == ("SEA", mean)


def test_loads_nothing_and_has_no_errors(opened):
    script = "return performance.getEntriesByType('resource').map(e => e.name)"
    assert opened.execute_script(script) == []
    assert opened.get_log("browser") == []
    font = opened.find_element("tag name", "body").value_of_css_property("font-size")
    assert font == "16px"
    head = opened.find_element("css selector", "thead th")
    assert head.value_of_css_property("position") == "sticky"
