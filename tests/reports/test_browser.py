"""The report in a real browser: no errors, sorting, filtering, cards by keyboard, and nothing from data is run."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from sparseprobe.experiments import planted_experiment, single_neurons, sweep
from sparseprobe.reports.page import page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
HOSTILE = '<img src=x onerror="document.title=1"></script><script>document.title=2</script>'


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    acts, data = planted_experiment(n=300, width=24, informative=2, n_features=2)
    neurons = single_neurons(acts, data)
    neurons["feature"] = neurons["feature"].replace("f1", HOSTILE)
    tables = {"sweep": sweep(acts, data, k=[1, 2]), "neurons": neurons}
    path = Path(tmp_path_factory.mktemp("report")) / "report.html"
    card = json.dumps({"examples": {"positive": [{"tokens": [HOSTILE], "values": [1.0]}]}})
    tables["cards"] = neurons[:1][["feature", "neuron", "sign"]].assign(card=card)
    path.write_text(page(tables, {"spec": {"model": HOSTILE}}, title="planted"), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        shown = browser.new_page()
        said: list[str] = []
        shown.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.goto(path.as_uri())
        shown.wait_for_selector("#table-neurons .tabulator-row")
        yield shown, said, neurons
        browser.close()


def column(shown, name):
    cells = shown.locator(f'#table-neurons .tabulator-row [tabulator-field="{name}"]')
    return cells.all_inner_texts()


def test_the_page_opens_without_errors_and_runs_nothing_from_data(opened):
    shown, said, _ = opened
    assert said == []
    assert shown.title() == "planted - sparseprobe report"
    assert shown.locator("img").count() == 0


def test_columns_sort_and_filter(opened):
    shown, _, neurons = opened
    header = shown.locator('#table-neurons .tabulator-col[tabulator-field="f1"] .tabulator-col-title')
    header.click()
    first = [float(text) for text in column(shown, "f1")]
    assert first == sorted(first)
    bound = round(float(neurons["f1"].median()), 3)
    field = shown.locator("#table-neurons").get_by_label("filter f1", exact=True)
    field.press_sequentially(f"> {bound}")
    shown.wait_for_function(
        "bound => shownTables.neurons.table.getData('active').every(row => row.f1 > bound)", arg=bound
    )
    assert 0 < len(shown.evaluate("shownTables.neurons.table.getData('active')")) < len(neurons)
    shown.evaluate("shownTables.neurons.table.clearHeaderFilter()")


def test_a_card_opens_by_keyboard_and_its_text_is_text(opened):
    shown, _, neurons = opened
    name = neurons["neuron"].iloc[0]
    shown.evaluate("shownTables.neurons.table.scrollToRow(0)")
    shown.locator("#table-neurons .tabulator-row").filter(has_text=name).first.focus()
    shown.keyboard.press("Enter")
    assert shown.locator("#card-title").inner_text() == f"Neuron {name}"
    assert HOSTILE in shown.locator("#card .text").first.inner_text()
    shown.keyboard.press("Escape")
    assert not shown.locator("#card").evaluate("dialog => dialog.open")
    assert shown.title() == "planted - sparseprobe report"


def test_a_number_of_a_finding_leads_to_its_row(opened):
    shown, _, _ = opened
    shown.locator("button.cell").first.click()
    shown.wait_for_selector("#table-neurons .tabulator-row.tabulator-selected")
    assert isinstance(shown.evaluate("shownTables.neurons.table.getSelectedRows()[0].getData().f1"), float)
    assert pd.notna(shown.evaluate("document.activeElement.className"))
