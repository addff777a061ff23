"""How fast the page answers, in a real browser at 1280 x 720: ``python benchmarks/page_speed.py``.

Prints a table of times in milliseconds. Needs Chromium and Playwright (``pip install -e '.[dev]'``).
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from clips import make_clip, sample_point

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from browser import Server, Workbench, browser

SIZE = (1280, 720)
FRAMES = 25
CLICKS = 20
SCRUBS = 80

CLICK_TO_PAINT = """
([x, y]) => new Promise(done => {
  const canvas = document.querySelector('[data-testid=canvas]'), box = canvas.getBoundingClientRect();
  const at = window.__vas.toScreen(x, y), before = window.__vas.lastPaint?.maskVersion ?? null;
  const point = {clientX: box.x + at.x, clientY: box.y + at.y, bubbles: true, button: 0, pointerId: 1, isPrimary: true};
  const start = performance.now();
  canvas.dispatchEvent(new PointerEvent('pointerdown', {...point, buttons: 1}));
  canvas.dispatchEvent(new PointerEvent('pointerup', point));
  const look = () => {
    const paint = window.__vas.lastPaint;
    if (paint && paint.masks && paint.maskVersion !== before && paint.time > start) done(paint.time - start);
    else if (performance.now() - start > 10000) done(-1);
    else setTimeout(look, 1);
  };
  look();
})
"""

SCRUB = """
frames => new Promise(async done => {
  const times = [];
  for (const frame of frames) {
    if (frame === window.__vas.frame()) continue; // nothing to paint: the next paint would come with the next news
    const start = performance.now();
    window.__vas.go(frame);
    await new Promise(painted => {
      const look = () => {
        const paint = window.__vas.lastPaint;
        if (paint && paint.frame === frame && paint.time >= start) painted(); else setTimeout(look, 0);
      };
      look();
    });
    times.push(performance.now() - start);
  }
  done(times);
})
"""

PLAY = """
() => new Promise(done => {
  const painted = new Map(); // frame -> when it was painted first, with all its masks
  const start = performance.now();
  document.querySelector('[data-command=play]').click();
  const look = () => {
    const paint = window.__vas.lastPaint;
    if (paint && paint.time >= start && paint.masks && !painted.has(paint.frame)) painted.set(paint.frame, paint.time);
    const ended = !document.querySelector('.vas-playing') && performance.now() - start > 500;
    if (ended) done([...painted.values()]);
    else requestAnimationFrame(look);
  };
  look();
})
"""
"""When each frame was painted while the clip played, milliseconds."""


def main() -> None:
    """Measure start, click, scrub and play, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "clip.mp4", FRAMES, SIZE)
        server = Server(Path(folder) / "projects", clip)
        server.root.mkdir()
        rows = []
        for case in ("clip to import", "project there"):
            spent, processor = measure_start(server)
            rows.append((f"server start to usable page, {case}", [spent]))
            rows.append(("  of it the server's processor time", [processor]))
        server.start()
        try:
            rows += measure_page(server)
        finally:
            server.kill()
    print(f"{'milliseconds':<46}{'p50':>8}{'p95':>8}{'max':>8}{'n':>5}")
    for name, times in rows:
        p50, p95 = np.percentile(times, [50, 95])
        print(f"{name:<46}{p50:>8.0f}{p95:>8.0f}{max(times):>8.0f}{len(times):>5}")


def measure_start(server: Server) -> tuple[float, float]:
    """From starting the process to a painted frame; and the server's processor time: other work counts little there."""
    with browser() as chromium:
        bench = Workbench(chromium.new_page(viewport={"width": 1440, "height": 900}))
        start = time.perf_counter()
        server.start()
        bench.open(server.address)
        spent = (time.perf_counter() - start) * 1000
        before = ended_processes_seconds()
        server.kill()
        return spent, (ended_processes_seconds() - before) * 1000


def ended_processes_seconds() -> float:
    """Processor time of the processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_page(server: Server) -> list[tuple[str, list[float]]]:
    """Clicks around the object, one object each; then scrubbing with masks on every frame."""
    with browser() as chromium:
        bench = Workbench(chromium.new_page(viewport={"width": 1440, "height": 900}))
        bench.open(server.address)
        bench.page.wait_for_timeout(1500)
        clicks = [measure_click(bench, i) for i in range(CLICKS)]
        bench.run("t")
        frames = [*range(FRAMES), *range(FRAMES - 1, -1, -1)] * (SCRUBS // (2 * FRAMES) + 1)
        bench.page.evaluate(SCRUB, frames[: 2 * FRAMES])  # the browser's own cache fills
        bench.page.reload()
        bench.until_ready()
        scrubs = bench.page.evaluate(SCRUB, frames[:SCRUBS])
        rows = [("click to painted mask", clicks), ("scrub to the next frame, masks shown", scrubs)]
        return [*rows, *measure_play(bench)]


def measure_play(bench: Workbench) -> list[tuple[str, list[float]]]:
    """The clip played at its own speed, one object completed, all layers on; the second time from the page's memory."""
    bench.run("a")
    for layer in ("content", "depth"):
        bench.press({"content": "c", "depth": "d"}[layer])
    rows = []
    for case in ("first time", "second time"):
        bench.go(0)
        bench.until_painted()
        painted = bench.page.evaluate(PLAY)
        rows.append((f"play, all layers, {case}: between two paints", [*np.diff(painted)]))
        rows.append(("  frames painted, of those of the clip, percent", [100 * len(painted) / FRAMES]))
    return rows


def measure_click(bench: Workbench, number: int) -> float:
    """One click near the object's centre, answered quickly; waits until the better mask is there as well."""
    x, y = sample_point(SIZE)
    turn = np.random.default_rng(number).uniform(-25, 25, 2)
    spent = float(bench.page.evaluate(CLICK_TO_PAINT, [x + turn[0], y + turn[1]]))
    bench.until("s => !s.refining")
    bench.page.wait_for_timeout(300)
    return spent


if __name__ == "__main__":
    main()
