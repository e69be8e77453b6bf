// Numbers and words beside the picture.

import { Bars } from "./bars";
import { colourOf } from "./faces";
import type { Face, Frame, State } from "./protocol";

export function byId<T extends HTMLElement = HTMLElement & HTMLCanvasElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
}

const RUNS: Record<State["run"], string> = {
  idle: "nothing runs",
  opening: "opening",
  running: "live",
  paused: "paused",
  ended: "ended",
  failed: "stopped",
};

export class Panels {
  private readonly weights = new Bars(byId("bars"));
  private readonly units = new Bars(byId("units"), 5);
  private readonly emotions = new Bars(byId("emotions"));
  private lastError = "";

  name(weights: string[]): void {
    this.weights.name(weights);
  }

  frame(frame: Frame, shown: number, state: State | null): void {
    const { fps, p50_ms, p95_ms, dropped } = frame.rates;
    this.rate("fps", `${fps.toFixed(1)} /s`);
    this.rate("shown", `${shown.toFixed(1)} /s`);
    this.rate("latency", `${p50_ms.toFixed(0)} ms, p95 ${p95_ms.toFixed(0)}`);
    this.rate("dropped", String(dropped));
    this.people(frame.faces, state);
    const face = frame.faces[0];
    this.weights.show(face?.weights ?? null);
    this.shown(face);
  }

  /** What the server says of a face beyond ARKit's weights. */
  private shown(face: Face | undefined): void {
    const { action_units: units, emotions } = face ?? {};
    if (units && emotions) {
      byId("shown-card").hidden = false;
      this.units.name(Object.keys(units));
      this.emotions.name(Object.keys(emotions));
    }
    this.units.show(units ? Object.values(units) : null);
    this.emotions.show(emotions ? Object.values(emotions) : null);
  }

  private rate(name: string, text: string): void {
    const cell = document.querySelector(`[data-rate=${name}]`)!;
    if (cell.textContent !== text) cell.textContent = text;
  }

  private people(faces: Face[], state: State | null): void {
    const body = byId("people");
    while (body.children.length > faces.length) body.lastChild!.remove();
    while (body.children.length < faces.length) {
      const row = document.createElement("tr");
      for (let k = 0; k < 7; k++) row.append(document.createElement("td"));
      body.append(row);
    }
    faces.forEach((face, k) => {
      const row = body.children[k] as HTMLElement;
      const angles = state?.centred[face.id] ?? face.angles;
      const texts = [
        String(face.id),
        `${face.status} ${Math.round(face.confidence * 100)} %`,
        ...angles.map((angle) => `${angle.toFixed(0)}°`),
        `${(Math.hypot(...face.t) / 10).toFixed(0)} cm`,
        face.identity.frozen ? "learned" : `${face.identity.frames} ${face.identity.frames === 1 ? "frame" : "frames"}`,
      ];
      texts.forEach((text, cell) => (row.children[cell]!.textContent = text));
      row.style.setProperty("--hue", colourOf(face));
    });
  }

  state(state: State): void {
    const status = byId("status");
    status.dataset.run = state.run;
    const where = state.source.name ? `${state.source.name}, ` : "";
    this.say(status.querySelector("span")!, state.run === "opening" ? `opening ${state.source.name || state.source.kind || ""}` : where + RUNS[state.run]);
    this.say(byId("said"), state.recording ? `recording ${state.recording.seconds.toFixed(1)} s` : state.said);
    const banner = byId("banner");
    banner.hidden = state.run === "running";
    this.say(banner, { idle: "Choose a source", opening: "Opening…", running: "", paused: "Paused", ended: "Ended: choose a source", failed: "Stopped: the line above says why" }[state.run]);
    if (state.error !== this.lastError) this.error(state.error);
    this.lastError = state.error;
    this.rate("backend", state.backend ? `${state.backend}, ${state.model_set}` : "–");
    this.settings(state);
    const pause = byId<HTMLButtonElement>("pause");
    pause.setAttribute("aria-pressed", String(state.run === "paused"));
    pause.disabled = !["running", "paused"].includes(state.run);
    byId<HTMLButtonElement>("stop").disabled = pause.disabled;
    byId<HTMLButtonElement>("record").disabled = pause.disabled;
    const record = byId("record");
    record.setAttribute("aria-pressed", String(state.recording !== null));
    this.say(record, state.recording ? "End recording" : "Record");
    for (const button of document.querySelectorAll<HTMLElement>("[data-source]")) {
      button.setAttribute("aria-current", String(button.dataset.source === state.source.kind));
    }
    this.files(state.saved);
    byId("neutral").hidden = state.targets.length === 0;
    this.targets(state);
  }

  /** Who gets values; `removed` is called with the number of one that shall get no more. */
  onRemove: (number: number) => void = () => {};

  private targets({ targets, sent, limits }: State): void {
    const protocol = byId<HTMLSelectElement>("protocol");
    if (!protocol.options.length) {
      protocol.replaceChildren(...limits.protocols.map(({ example, what }) => new Option(what, example)));
      byId<HTMLInputElement>("send-url").value = protocol.value;
    }
    const list = byId("targets");
    const known = [...list.children].map((item) => (item as HTMLElement).dataset.number);
    if (known.join() !== targets.map(({ number }) => number).join()) {
      list.replaceChildren(...targets.map(({ number, to }) => this.target(number, to)));
    }
    targets.forEach(({ text, failed }, k) => {
      const item = list.children[k] as HTMLElement;
      item.classList.toggle("failed", failed);
      this.say(item.querySelector("span")!, text);
    });
    byId("targets").title = sent.slice(targets.length).join(" "); // what was learned
  }

  private target(number: number, to: string): HTMLElement {
    const [item, text, button] = ["li", "span", "button"].map((tag) => document.createElement(tag)) as [HTMLElement, HTMLElement, HTMLElement];
    item.dataset.number = String(number);
    button.className = "control";
    button.textContent = "×";
    button.setAttribute("aria-label", `Send no more to ${to}`);
    button.addEventListener("click", () => this.onRemove(number));
    item.append(text, button);
    return item;
  }

  private settings(state: State): void {
    this.options(byId<HTMLSelectElement>("mode"), state.limits.modes);
    this.options(byId<HTMLSelectElement>("models"), state.limits.models);
    const set = (id: string, value: string | number) => {
      const input = byId<HTMLInputElement>(id);
      if (document.activeElement !== input) input.value = String(value);
    };
    byId<HTMLInputElement>("smooth").checked = state.settings.smooth;
    byId<HTMLInputElement>("mirror").checked = state.settings.mirror;
    set("max_faces", state.settings.max_faces);
    set("detect_every", state.settings.detect_every);
    set("models", state.settings.models);
  }

  private options(select: HTMLSelectElement, names: string[]): void {
    if (select.options.length === names.length) return;
    const before = select.value;
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (before) select.value = before;
  }

  private files(names: string[]): void {
    const list = byId("files");
    byId("files-card").hidden = names.length === 0;
    if (list.children.length === names.length) return;
    list.replaceChildren(
      ...names.map((name) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = `files/${encodeURIComponent(name)}`;
        link.download = name;
        link.textContent = name;
        item.append(link);
        return item;
      }),
    );
  }

  away(wait: number): void {
    const status = byId("status");
    status.dataset.run = "away";
    this.say(status.querySelector("span")!, `no server, trying again in ${wait < 1 ? "a moment" : `${Math.round(wait)} s`}`);
  }

  error(text: string): void {
    const box = byId("error");
    box.hidden = !text;
    this.say(box.querySelector("span")!, text);
  }

  private say(element: Element, text: string): void {
    if (element.textContent !== text) element.textContent = text;
  }
}
