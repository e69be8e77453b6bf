// Results of `realtime3d images`: what was found in many pictures, each with its overlay and its head.

import { byId } from "./panels";

type Entry = { id: string; file: string; confidence: number | null; pitch: number | null; yaw: number | null; roll: number | null; has: string[] };

export class Album {
  private asked = false;

  /** `show` gets the address of a head (GLB), or null where there is none. */
  constructor(private readonly show: (mesh: string | null) => void) {}

  /** Called whenever the server says how many faces there are. */
  async open(count: number): Promise<void> {
    byId("album-card").hidden = count === 0;
    if (!count || this.asked) return;
    this.asked = true;
    const answer = await fetch("album");
    if (!answer.ok) return void (this.asked = false);
    const entries = (await answer.json()) as Entry[];
    byId("album-count").textContent = String(entries.length);
    byId("album").replaceChildren(...entries.map((entry) => this.item(entry)));
  }

  private item(entry: Entry): HTMLElement {
    const [item, button, name] = ["li", "button", "span"].map((tag) => document.createElement(tag)) as [HTMLElement, HTMLElement, HTMLElement];
    name.textContent = entry.id;
    if (entry.has.includes("overlay")) {
      const image = new Image();
      image.loading = "lazy";
      image.alt = "";
      image.src = address(entry, "overlay");
      button.append(image);
    }
    button.append(name);
    button.addEventListener("click", () => this.choose(entry, button));
    item.append(button);
    return item;
  }

  private choose(entry: Entry, button: HTMLElement): void {
    for (const other of byId("album").querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
    const picture = byId<HTMLImageElement>("album-picture");
    byId("album-figure").hidden = false;
    picture.hidden = !entry.has.includes("overlay");
    if (!picture.hidden) picture.src = address(entry, "overlay");
    picture.alt = `${entry.file} with the mesh of ${entry.id} drawn over it`;
    const angles = (["pitch", "yaw", "roll"] as const).filter((name) => entry[name] !== null).map((name) => `${name} ${entry[name]!.toFixed(0)}°`);
    const sure = entry.confidence === null ? [] : [`${Math.round(100 * entry.confidence)} % sure`];
    byId("album-caption").textContent = [entry.file, ...sure, ...angles].join(", ");
    this.show(entry.has.includes("mesh") ? address(entry, "mesh") : null);
  }
}

function address(entry: Entry, what: string): string {
  return `album/${encodeURIComponent(entry.id)}/${what}`;
}
