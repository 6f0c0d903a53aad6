"""The runs in the MLflow UI: a real server, looked at in a real browser."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1600,4000"
)

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="chromium and chromedriver are absent: apt-get install chromium chromium-driver"
)


@pytest.fixture
def page():
    """Open a browser; give a function that opens an address and waits until the page says something."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def text(_: object = None) -> str:
        return driver.find_element(By.TAG_NAME, "body").text

    def opened(address: str, *awaited: str) -> str:
        driver.get("about:blank")
        driver.get(address)
        WebDriverWait(driver, 60).until(lambda _: all(part in text() for part in awaited), f"{awaited} not in {text()}")
        return text()

    yield opened
    driver.quit()


@pytest.fixture
def server(nnsweep, study: Path) -> Iterator[tuple[str, str]]:
    """Sweep three jobs and show them with ``nnsweep ui``; give what the sweep printed, with the server's port."""
    said = nnsweep("arch=linear,shallow,deep", "data=iris", "trainer.epochs=20", "tracking.pictures=false")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(study / "server.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nnsweep", "ui", "--port", str(port)], cwd=study, stdout=log, stderr=log
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield said.out.replace("127.0.0.1:5000", f"127.0.0.1:{port}"), f"{port:04X}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server does not answer")


def test_sweep_links_lead_to_its_runs_curves_and_comparison(server, page):
    said, port = server
    charts, compare = re.search(r"charts +(\S+)", said)[1], re.search(r"compare +(\S+)", said)[1]
    names = ["iris-linear-relu-cosine-s0", "iris-32-relu-cosine-s0", "iris-64-64-64-relu-cosine-s0"]

    listed = page(charts.partition("?")[0], *names)
    assert "4 matching runs" in listed  # the jobs and the summary

    curves = [f"{name} ({metric})" for name in names for metric in ("train_cost", "val_accuracy", "test_accuracy")]
    drawn = page(charts, "3 matching runs", "Answer", *curves).splitlines()  # the legends of charts show all jobs
    sections = [drawn.index(name) for name in ("Answer", "Curves", "Everything else")]
    assert sections == sorted(sections)
    answer = drawn[sections[0] : sections[1]]
    assert {"best_val_accuracy", "test_accuracy", "Parallel Coordinates", "arch"} <= {*answer}
    assert "duration_seconds" not in drawn  # it is folded away

    columns = ["arch", "best_val_accuracy", "test_accuracy", "n_parameters", "Duration"]
    page(charts.replace("=CHART", "=TABLE"), "3 matching runs", *columns, *names)

    compared = page(compare, "Comparing 3 Runs from 1 Experiment", *names)
    assert "hidden_layer_sizes" in compared

    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {local for _, local, _, state, *_ in sockets if state == "0A"}
    assert {address for address in listening if address.endswith(f":{port}")} == {f"0100007F:{port}"}


def test_a_port_that_is_taken_is_told_in_one_line(nnsweep, study):
    assert nnsweep("data=iris", "trainer.epochs=1", "tracking.pictures=false").code == 0
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = nnsweep("ui", "--port", str(port))
    reason = f"--port {port}: cannot be had (Address already in use)"
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"nnsweep: error: {reason}; choose another, as in nnsweep ui --port ")
