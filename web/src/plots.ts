// Head pose and the strongest weights over the last seconds.

import uPlot from "uplot";
import type { Frame } from "./protocol";

const SECONDS = 8;
const MOST = SECONDS * 70; // frames kept
const STRONGEST = 5;
const HUES = ["--a", "--b", "--c", "--d", "--e"];

type Row = { t: number; values: number[] };

function colours(): string[] {
  const style = getComputedStyle(document.documentElement);
  return HUES.map((name) => style.getPropertyValue(name).trim());
}

function axis(): uPlot.Axis {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--quiet").trim();
  const line = style.getPropertyValue("--line").trim();
  return { stroke: ink, font: "11px system-ui", grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, size: 38 };
}

export class Plots {
  private rows: Row[] = [];
  private pose: Row[] = [];
  private gaze: Row[] = [];
  private plots: uPlot[] = [];
  private chosen: number[] = [];
  private names: string[] = [];
  private last = -Infinity;

  constructor(
    private readonly places: [HTMLElement, HTMLElement, HTMLElement], // of pose, weights and gaze
    private readonly legends: [HTMLElement, HTMLElement, HTMLElement],
  ) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
    new ResizeObserver(() => this.resize()).observe(places[0]);
  }

  name(weights: string[]): void {
    this.names = weights;
    this.forget();
  }

  forget(): void {
    this.rows = [];
    this.pose = [];
    this.gaze = [];
    this.last = -Infinity;
  }

  add(frame: Frame): void {
    const face = frame.faces[0];
    if (frame.t < this.last) this.forget();
    this.last = frame.t;
    if (!face) return;
    this.rows.push({ t: frame.t, values: face.weights });
    this.pose.push({ t: frame.t, values: face.angles });
    if (face.gaze) this.gaze.push({ t: frame.t, values: face.gaze.camera });
    for (const rows of [this.rows, this.pose, this.gaze]) {
      while (rows.length > MOST || (rows.length && rows[0]!.t < frame.t - SECONDS)) rows.shift();
    }
  }

  draw(): void {
    if (!this.plots.length) this.build();
    const strongest = this.strongest();
    if (strongest.join() !== this.chosen.join()) {
      this.chosen = strongest;
      this.say(1, strongest.map((k) => this.names[k] ?? ""));
    }
    const columns = (rows: Row[], which: number[]): uPlot.AlignedData => [
      rows.map((row) => row.t - this.last),
      ...which.map((k) => rows.map((row) => row.values[k] ?? null)),
    ] as uPlot.AlignedData;
    this.plots[0]?.setData(columns(this.pose, [0, 1, 2]));
    this.plots[1]?.setData(columns(this.rows, this.chosen));
    this.plots[2]?.setData(columns(this.gaze, [0, 1]));
  }

  /** Those that moved most. A name keeps its place, so that colours do not jump. */
  private strongest(): number[] {
    const highest = this.names.map((_, k) => {
      let low = 1, high = 0;
      for (const { values } of this.rows) {
        low = Math.min(low, values[k]!);
        high = Math.max(high, values[k]!);
      }
      return high - low + 0.2 * high;
    });
    const best = highest.map((v, k) => [v, k] as const).sort((a, b) => b[0] - a[0]).slice(0, STRONGEST).map(([, k]) => k);
    const kept = this.chosen.map((k) => (best.includes(k) ? k : -1));
    const fresh = best.filter((k) => !kept.includes(k));
    const places = kept.length ? kept : best.map(() => -1);
    return places.map((k) => (k >= 0 ? k : fresh.shift()!));
  }

  private say(which: 0 | 1 | 2, names: string[]): void {
    const hues = HUES;
    this.legends[which].replaceChildren(
      ...names.map((name, k) => {
        const item = document.createElement("li");
        item.textContent = name;
        item.style.setProperty("--hue", `var(${hues[k]})`);
        return item;
      }),
    );
  }

  private build(): void {
    for (const plot of this.plots) plot.destroy();
    const hues = colours();
    const make = (place: HTMLElement, count: number, range: uPlot.Range.MinMax | uPlot.Range.Function, unit: string) =>
      new uPlot(
        {
          width: place.clientWidth || 300,
          height: place.clientHeight || 140,
          legend: { show: false },
          cursor: { show: false },
          scales: { x: { time: false, range: [-SECONDS, 0] }, y: { range } },
          axes: [
            { ...axis(), size: 24, values: (_, ticks) => ticks.map((t) => `${t} s`) },
            { ...axis(), values: (_, ticks) => ticks.map((t) => `${t}${unit}`) },
          ],
          series: [{}, ...Array.from({ length: count }, (_, k) => ({ stroke: hues[k], width: 1.5, points: { show: false } }))],
        },
        [[], ...Array.from({ length: count }, () => [])] as unknown as uPlot.AlignedData,
        place,
      );
    const around = (least: number) => (_: uPlot, low: number, high: number): [number, number] => [Math.min(low ?? 0, -least), Math.max(high ?? 0, least)];
    this.plots = [make(this.places[0], 3, around(20), "°"), make(this.places[1], STRONGEST, [0, 1], ""), make(this.places[2], 2, around(10), "°")];
    this.say(0, ["pitch", "yaw", "roll"]);
    this.say(2, ["down", "to their right"]);
  }

  private resize(): void {
    this.plots.forEach((plot, k) => {
      const place = this.places[k]!;
      if (place.clientWidth) plot.setSize({ width: place.clientWidth, height: place.clientHeight || 140 });
    });
  }
}
