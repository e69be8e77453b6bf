// The keyboard: one table for what keys do and for the help sheet.

const KEYS: [key: string, action: string, meaning: string, control: boolean][] = [
  [" ", "pause", "pause and go on", true],
  ["x", "stop", "stop", true],
  ["r", "record", "start or end a recording", true],
  ["s", "snapshot", "save the picture as PNG", true],
  ["m", "mode", "next style of the overlay", false],
  ["i", "relearn", "learn the faces' identities again", true],
  ["c", "recentre", "angles from now; again: as measured", true],
  ["n", "neutral", "learn the neutral face of what is sent", true],
  ["o", "boxed", "draw a box around a face: drag, or arrows and Enter", true],
  ["t", "front", "look at the mesh from in front", false],
  ["j", "left", "turn the mesh to one side", false],
  ["l", "right", "turn the mesh to the other side", false],
  ["k", "lit", "turn the light", false],
  ["p", "textured", "the picture on the mesh", false],
  ["a", "avatar", "an avatar instead of the mesh", false],
  ["b", "browser", "this browser's camera", true],
  ["f", "upload", "a film or picture", true],
  ["d", "clip", "the demo clip", true],
  ["h", "help", "this sheet", false],
];
const ALIASES: Record<string, string> = { "?": "h" };

export function listen(actions: Record<string, () => void>, watching: () => boolean): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const target = event.target as HTMLElement;
    if (target.closest("input:not([type=checkbox]), select, textarea, dialog[open]")) return; // a closed sheet has the focus for a moment yet
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === " " && target.closest("button, summary, input, a")) return; // presses what has the focus
    const found = KEYS.find(([name]) => name === (ALIASES[key] ?? key));
    if (!found || (found[3] && watching())) return;
    event.preventDefault();
    actions[found[1]]?.();
  });
}

export function showKeys(list: HTMLElement): void {
  list.replaceChildren(
    ...KEYS.flatMap(([key, , meaning]) => {
      const term = document.createElement("dt");
      const cap = document.createElement("kbd");
      cap.textContent = key === " " ? "space" : key.toUpperCase();
      term.append(cap);
      const text = document.createElement("dd");
      text.textContent = meaning;
      return [term, text];
    }),
  );
}
