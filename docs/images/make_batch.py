"""Makes batch.png beside this file: the summary page of a batch over parts of the demo clip, and one broken film.

Needs Chromium and Playwright: pip install '.[parquet,test-web]'
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.batch import short_films
from realtime3d.batch.plan import BatchJob
from realtime3d.batch.run import run_batch

HERE = Path(__file__).parent
FILMS = 24


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "takes", Path(scratch) / "results"
        folder.mkdir()
        for number, film in enumerate(short_films(folder, FILMS)):
            if number % 6 == 0:  # a film that is cut off
                film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
        run_batch(BatchJob([str(folder)], out, workers=2, people=True, backoff_s=0.1))
        page = out / "summary.html"
        text = page.read_text(encoding="utf-8").replace(str(Path(scratch).resolve()), "/home/you")
        page.write_text(text, encoding="utf-8")
        with sync_playwright() as player:
            browser = player.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"], headless=True
            )
            view = browser.new_page(viewport={"width": 1220, "height": 800})
            view.goto(page.as_uri())
            view.screenshot(path=str(HERE / "batch.png"), full_page=True)
            browser.close()


if __name__ == "__main__":
    main()
