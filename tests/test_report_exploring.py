"""Exploring the page of a report: by pointer, by keyboard and by touch, in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnsweep.api.report import write_report
from nnsweep.results.report import section_pictures
from nnsweep.results.report.report import findings
from tests.test_report_page import AXE, browser, pytestmark, study

__all__ = ["browser", "pytestmark"]  # the fixture, and the reason to skip where there is no browser

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
DESK = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a report have no pictures where nobody looks at one."""
    monkeypatch.setattr(section_pictures, "plan_pictures", lambda *_, **__: {})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a dozen configurations, some of whose runs failed."""
    path = tmp_path_factory.mktemp("explored") / "report.html"
    write_report(findings(study(14, failing=True), "Which depth & width?"), path)
    return path


class Reader:
    """Someone with a browser, a mouse and a keyboard."""

    def __init__(self, browser, path: Path):
        self.browser = browser
        browser.get(path.as_uri())
        self.data = json.loads(browser.execute_script("return document.getElementById('study').textContent"))

    def see(self, selector: str) -> list:
        """Find what is to be seen of what a selector chooses."""
        found = self.browser.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def read(self, selector: str) -> list[str]:
        return [element.text for element in self.see(selector)]

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def point_at(self, element, *, click: bool = False) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        actions = ActionChains(self.browser).move_to_element(element)
        (actions.click() if click else actions).perform()

    def tap(self, element) -> None:
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        box = self.browser.execute_script("return arguments[0].getBoundingClientRect()", element)
        point = {"x": box["left"] + box["width"] / 2, "y": box["top"] + box["height"] / 2}
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def focused(self) -> str:
        return self.browser.execute_script("return document.activeElement.id || document.activeElement.textContent")

    def choose(self, label: str, option: str) -> None:
        """Choose an option, or write into a box, by the label beside it."""
        from selenium.webdriver.support.select import Select

        (control,) = self.browser.find_elements(
            "xpath", f"//*[@id='controls']//label[starts-with(., '{label}')]/*[self::select or self::input]"
        )
        if control.tag_name == "select":
            Select(control).select_by_visible_text(option)
        else:
            control.send_keys(option)

    def rows(self) -> list:
        return self.see("#configurations tbody tr")

    def mark(self, place: int):
        """Give a mark of a configuration in the first picture that shows it."""
        return self.see(f"figure .mark[data-configuration='{place}']")[0]


@pytest.fixture
def reader(browser, report) -> Iterator[Reader]:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", DESK)
    browser.get_log("browser")
    yield Reader(browser, report)
    assert browser.get_log("browser") == []


def test_pointing_at_a_mark_tells_the_values_behind_it(reader):
    reader.point_at(reader.mark(2))
    (tip,) = reader.read("#tip")
    measure = reader.data["measures"][0]
    assert reader.data["labels"][2] in tip
    assert f"depth {reader.data['settings']['depth'][2]}" in tip
    assert measure["texts"][2] in tip
    assert reader.data["repeats"][2] in tip


def test_all_pictures_and_tables_show_the_configuration_at_once(reader):
    reader.point_at(reader.mark(2))
    active = reader.see(".active")
    assert {element.get_attribute("data-configuration") for element in active} == {"2"}
    figures = {element.find_element("xpath", "ancestor::figure").id for element in reader.see("figure .active")}
    assert len(figures) > 1
    assert len(reader.see("tr.active")) > 1
    assert float(reader.mark(3).value_of_css_property("opacity")) < 0.5
    reader.point_at(reader.see("h1")[0])
    assert reader.see(".active") == reader.see("#tip") == []
    assert float(reader.mark(3).value_of_css_property("opacity")) == 1


def test_a_picture_marks_what_it_shows(reader):
    """The cell of the map that is marked has the mean that the data have."""
    for place in (0, 5):
        letters = " ".join(reader.read(f"#overview figure .mark[data-configuration='{place}']"))
        assert f"{reader.data['measures'][0]['numbers'][place]:.3f}" in letters


def test_a_row_tells_its_configuration_too(reader):
    row = reader.rows()[1]
    reader.point_at(row.find_elements("css selector", "td")[0])
    (tip,) = reader.read("#tip")
    assert reader.data["labels"][int(row.get_attribute("data-configuration"))] in tip


def test_a_filter_leaves_the_rows_that_have_the_value(reader):
    depths, widths = (reader.data["settings"][name] for name in ("depth", "width"))
    reader.choose("depth", "2")
    left = [place for place, depth in enumerate(depths) if depth == "2"]
    assert [int(row.get_attribute("data-configuration")) for row in reader.rows()] == left
    assert reader.read("#controls output") == [f"{len(left)} of {len(depths)} configurations"]
    out = reader.mark(next(place for place in range(len(depths)) if place not in left))
    assert float(out.value_of_css_property("opacity")) < 0.5
    reader.choose("width", "4")
    assert len(reader.rows()) == sum(pair == ("2", "4") for pair in zip(depths, widths, strict=True))
    reader.point_at(reader.see("#controls button")[0], click=True)
    assert len(reader.rows()) == len(depths)
    assert not reader.see("#controls button")


def test_many_values_are_filtered_by_what_is_written(browser, tmp_path, undrawn):
    path = tmp_path / "report.html"
    made = study(24, n_seeds=1)
    made.runs["optimizer.learning_rate"] = [0.001 * (1 + place) for place in range(len(made.runs))]
    write_report(findings(made), path)
    reader = Reader(browser, path)
    rates = [float(rate) for rate in reader.data["settings"]["learning_rate"]]
    for written, expected in {">= 0.019": 6, "< 0.003": 2, "=0.02": 1, "0.02": 5}.items():
        reader.choose("learning_rate", written)
        assert len(reader.rows()) == expected, written
        reader.point_at(reader.see("#controls button")[0], click=True)
    assert len(reader.rows()) == len(rates) == 24


def test_another_measure_fills_the_column_and_sorts_by_it(reader):
    chosen = next(one for one in reader.data["measures"] if one["key"] == "duration_seconds")
    reader.choose("measure", chosen["name"])
    (head,) = [head for head in reader.see("#configurations thead th") if head.text.startswith(chosen["name"])]
    cells = [row.find_elements("css selector", "td")[0].text for row in reader.rows()]
    assert cells == chosen["texts"]
    reader.point_at(head.find_element("css selector", "button"), click=True)
    places = [int(row.get_attribute("data-configuration")) for row in reader.rows()]
    known = [chosen["numbers"][place] for place in places if chosen["numbers"][place] is not None]
    assert known == sorted(known)
    reader.point_at(reader.rows()[0].find_elements("css selector", "td")[1])
    assert chosen["texts"][places[0]] in reader.read("#tip")[0]


def test_another_measure_has_a_map_of_its_own(reader):
    maps = "figure[data-measure]"
    names = {one["key"]: one["name"] for one in reader.data["measures"]}
    for key in ("duration_seconds", "best_val_accuracy", "test_accuracy"):
        reader.choose("measure", names[key])
        (shown,) = reader.see(maps)
        assert shown.get_attribute("data-measure") == key
        letters = " ".join(
            element.text for element in shown.find_elements("css selector", ".mark[data-configuration='4']")
        )
        numbers = next(one["numbers"] for one in reader.data["measures"] if one["key"] == key)
        assert float(letters.split()[0]) == pytest.approx(numbers[4], rel=0.05)  # as many digits as make sense
    reader.choose("measure", names["n_parameters"])  # has no best
    assert [one.get_attribute("data-measure") for one in reader.see(maps)] == ["test_accuracy"]


def test_a_click_opens_curves_and_escape_closes_them(reader):
    reader.point_at(reader.mark(1), click=True)
    assert reader.read("#curves h2") == [reader.data["labels"][1]]
    assert reader.focused() == "curves-heading"
    assert reader.read("#curves figcaption") == ["training cost", "validation accuracy", "test accuracy"]
    runs = reader.data["curves"][1]["runs"]
    assert reader.read("#curves .runs button") == [run["name"] for run in runs]
    assert len(reader.see("#curves path.run")) == 3 * len(runs)
    assert len(reader.see("#curves path.mean")) == 3
    assert reader.data["measures"][0]["texts"][1] in reader.read("#curves dd")
    reader.press("\ue00c")
    assert not reader.see("#curves")


def test_a_curve_says_which_run_it_is(reader):
    reader.point_at(reader.mark(1), click=True)
    names = [run["name"] for run in reader.data["curves"][1]["runs"]]
    reader.point_at(reader.see("#curves .charts figure:nth-child(2) svg")[0])
    caption = reader.read("#curves figcaption")[1]
    assert any(name in caption for name in names)
    assert "at epoch" in caption
    assert len(reader.see("#curves .near")) == 1
    reader.point_at(reader.see("#curves .runs button")[-1])
    assert len(reader.see("#curves .near")) == 3


def test_what_has_no_curves_says_so(browser, tmp_path, undrawn):
    path = tmp_path / "report.html"
    made = study(9)
    made.histories.clear()
    write_report(findings(made), path)
    reader = Reader(browser, path)
    reader.point_at(reader.see("#configurations tbody th button")[0], click=True)
    assert reader.read("#curves p") == ["No curves are known."]


def test_the_keyboard_alone_goes_through_a_table(reader):
    first, second = reader.see("#configurations tbody th button")[:2]
    reader.browser.execute_script("arguments[0].focus()", reader.see("#configurations thead th:last-child button")[0])
    reader.press("\ue004")  # Tab
    assert reader.focused() == first.text
    reader.press("\ue015")  # arrow down
    assert reader.focused() == second.text
    assert reader.data["labels"][1] in reader.read("#tip")[0]
    reader.press("\ue007")  # Enter
    assert reader.read("#curves h2") == [reader.data["labels"][1]]
    reader.press("\ue004", "\ue007")  # to the button that closes
    assert not reader.see("#curves")
    assert reader.focused() == second.text
    reader.press("\ue004")
    assert reader.focused() not in {button.text for button in reader.see("#configurations tbody th button")}


def test_the_keyboard_alone_goes_through_a_picture(reader):
    box = reader.mark(0).find_element("xpath", "ancestor::*[local-name()='svg']/..")
    reader.browser.execute_script("arguments[0].focus()", box)
    reader.press("\ue014", "\ue014")  # arrow right
    assert reader.data["labels"][1] in reader.read("#tip")[0]
    (said,) = reader.browser.find_elements("css selector", "p[role=status]")
    assert reader.data["measures"][0]["texts"][1] in said.get_attribute("textContent")
    reader.press("\ue012")  # arrow left
    assert reader.data["labels"][0] in reader.read("#tip")[0]
    reader.press("\ue007")
    assert reader.read("#curves h2") == [reader.data["labels"][0]]
    reader.press("\ue00c")
    assert reader.browser.switch_to.active_element == box


def test_a_finger_taps_once_for_values_and_twice_for_curves(reader):
    reader.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    reader.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        mark = reader.mark(2)
        reader.tap(mark)
        assert reader.data["labels"][2] in reader.read("#tip")[0]
        assert not reader.see("#curves")
        reader.tap(mark)
        assert reader.read("#curves h2") == [reader.data["labels"][2]]
        assert reader.browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        reader.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_printed_page_has_all_rows_and_no_control(reader):
    reader.choose("depth", "2")
    reader.point_at(reader.mark(1), click=True)
    reader.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert len(reader.rows()) == len(reader.data["labels"])
        assert not reader.see("#controls form, #curves, #tip")
        opacities = """return [...document.querySelectorAll("figure .mark")].filter(mark => mark.checkVisibility())
            .map(mark => getComputedStyle(mark).opacity)"""
        assert {*reader.browser.execute_script(opacities)} == {"1"}
    finally:
        reader.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_core_finds_no_violation_while_exploring(reader, size):
    reader.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    reader.choose("depth", "2")
    button = reader.see("#configurations tbody th button")[0]
    reader.point_at(button, click=True)
    reader.browser.execute_script(AXE.read_text(encoding="utf-8"))
    violations = reader.browser.execute_async_script(
        "axe.run({resultTypes: ['violations']}).then(found => arguments[0](found.violations.map(one => "
        "[one.id, one.help, one.nodes.map(node => node.html)])))"
    )
    assert violations == []


def test_without_scripts_the_page_is_whole(browser, report):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(report.as_uri())
        shown = browser.find_elements("css selector", "table, figure, #controls > *, #curves")
        assert {element.tag_name for element in shown if element.is_displayed()} == {"table", "figure"}
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_two_hundred_configurations_are_a_page_of_moderate_size(browser, tmp_path):
    path = tmp_path / "report.html"
    write_report(findings(study(200)), path)
    assert path.stat().st_size < 1_500_000
    reader = Reader(browser, path)
    n = len(reader.data["curves"])
    assert 0 < n < 200
    assert f"of the best {n}" in reader.read("#controls p")[0]
    reader.point_at(reader.see("#configurations tbody tr:last-child th button")[0], click=True)
    assert reader.read("#curves p") == [f"The page has the curves of the best {n} configurations."]
