// The page: what arrives from the server goes to the picture, the mesh, plots and numbers; what is pressed goes back.

import { Album } from "./album";
import { Avatar } from "./avatar";
import { BoxTool } from "./box";
import { BrowserCamera } from "./camera";
import { Faces } from "./faces";
import { software } from "./gl";
import { listen, showKeys } from "./keys";
import { Link } from "./link";
import { Meter } from "./meter";
import { type Mode, Overlay } from "./overlay";
import { Panels, byId } from "./panels";
import { Plots } from "./plots";
import type { Frame, Packet, State } from "./protocol";
import { Turntable } from "./turntable";
import { upload } from "./upload";

const query = new URLSearchParams(location.search);
const bare = query.has("overlay");
const NO_WEBGL = "This browser has no WebGL, which this needs: switch hardware acceleration on, or use another browser.";
const watching = bare || query.has("view");

const faces = new Faces();
const overlay = new Overlay(byId("picture"), byId("overlay"), byId("labels"), faces);
const turntable = bare ? null : new Turntable(byId("mesh"), faces, overlay.plain);
const plots = new Plots(
  [byId("plot-pose"), byId("plot-weights"), byId("plot-gaze")],
  [byId("legend-pose"), byId("legend-weights"), byId("legend-gaze")],
);
const panels = new Panels();
const meter = new Meter();
const PLOT_MS = software ? 400 : 100; // a GPU's stand-in has work for a tenth of a second with them
document.body.classList.toggle("bare", bare);
document.body.classList.toggle("watching", watching);

let state: State | null = null;
let newest: { packet: Packet<Frame>; came: number } | null = null;
let working = false;
let cameraTaken = false; // the server runs with this browser's camera
let plotted = 0;

const socket = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws${watching ? "?view" : ""}`;
const link = new Link(socket, {
  open: () => {
    ask();
  },
  closed: (wait) => panels.away(wait),
  hello: (hello) => {
    document.body.classList.toggle("watching", watching || !hello.may_control);
    if (!bare) void album.open(hello.album);
    byId("stage").querySelector<HTMLElement>("[data-source=given]")!.hidden = !hello.given;
  },
  state: (message) => {
    if (message.source.kind === "browser") cameraTaken = camera.running;
    else if (cameraTaken) {
      camera.stop(); // somebody chose another source; before it was taken, states still tell of the last one
      cameraTaken = false;
    }
    state = message;
    panels.state(message);
    if (message.run === "opening" || message.run === "ended") plots.forget();
  },
  refused: (message) => panels.error(message.text),
  mesh: (packet) => {
    faces.learn(packet);
    plots.name(packet.header.weights);
    panels.name(packet.header.weights);
  },
  frame: (packet) => {
    newest = { packet, came: performance.now() };
    if (!working) void work();
  },
});
const camera = new BrowserCamera(link);
const album = new Album((mesh) => void look(mesh));
const boxTool = new BoxTool(byId("figure"), byId("box"), byId("boxed"), (box) => {
  const [width, height] = faces.frame?.size ?? [0, 0];
  if (width) wish({ do: "box", box: box.map((side, k) => Math.round(side * (k % 2 ? height : width))) });
});

/** Draw the newest frame as long as there is one; its picture is decoded while the one before is on the screen. */
async function work(): Promise<void> {
  working = true;
  while (newest) {
    const { packet, came } = newest;
    newest = null;
    const jpeg = bare ? null : packet.bytes("picture"); // the first frames may have one, whatever was asked for
    let bitmap: ImageBitmap | null = null;
    try {
      bitmap = jpeg && (await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })));
    } catch {
      continue; // a broken picture: the next one is on its way
    }
    if (document.visibilityState === "visible") await new Promise(requestAnimationFrame);
    draw(packet, bitmap, came);
  }
  working = false;
}

function draw(packet: Packet<Frame>, bitmap: ImageBitmap | null, came: number): void {
  const frame = packet.header;
  faces.move(packet);
  overlay.draw(frame, bitmap);
  turntable?.follow(frame);
  plots.add(frame);
  meter.count(came, frame.rates.p50_ms);
  const now = performance.now();
  if (now - plotted > PLOT_MS && !bare) {
    plotted = now;
    plots.draw();
    panels.frame(frame, meter.rate, state);
  }
}

// -- what is pressed --------------------------------------------------------------------------------------------------

function wish(message: Record<string, unknown>): void {
  if (!link.wish(message)) panels.error("The server is not there: start `realtime3d serve` again; this page comes back by itself.");
}

async function start(kind: string, name = ""): Promise<void> {
  panels.error("");
  if (kind === "upload") return byId<HTMLInputElement>("file").click();
  if (kind !== "browser") camera.stop();
  else {
    try {
      await camera.start(() => panels.error("The camera was taken away: connect it, then choose “My camera” again."));
    } catch (error) {
      return panels.error((error as Error).message);
    }
  }
  wish({ do: "start", kind, name });
}

async function send(file: File | undefined): Promise<void> {
  if (file && /\.(glb|vrm)$/i.test(file.name)) return wear(file);
  if (!file || document.body.classList.contains("watching")) return;
  camera.stop();
  panels.error("");
  const problem = await upload(file, byId<HTMLProgressElement>("upload"));
  if (problem) panels.error(problem); // else what the server says of the file stays; it may be here already
}

/** What frames hold: the picture is not in a bare page, and what lies before a face costs the server a net's run. */
function ask(): void {
  link.wish({ do: "wants", picture: !bare, hidden: overlay.mode === "mask" });
}

function setMode(mode: Mode): void {
  const masked = overlay.mode === "mask";
  overlay.mode = mode;
  if (masked !== (mode === "mask")) ask();
  byId<HTMLSelectElement>("mode").value = mode;
  if (!document.body.classList.contains("watching")) wish({ do: "mode", mode });
  if (!overlay.works) panels.error(NO_WEBGL);
  if (faces.frame) overlay.draw(faces.frame, null);
}

function nextMode(): void {
  const modes = state?.limits.modes ?? ["wire"];
  setMode(modes[(modes.indexOf(overlay.mode) + 1) % modes.length] as Mode);
}

function record(): void {
  if (state?.recording) return wish({ do: "end_record" });
  const kinds = [...document.querySelectorAll<HTMLInputElement>("[name=kind]:checked")].map((box) => box.value);
  if (!kinds.length) return panels.error("A recording holds nothing: tick a table or the film under Settings.");
  wish({ do: "record", kinds });
}

function light(degrees: number): void {
  if (!turntable) return;
  const at = ((degrees + 540) % 360) - 180;
  byId<HTMLInputElement>("light").value = String(at);
  view(() => (turntable.light = at));
}

function texture(): void {
  if (!turntable) return;
  turntable.textured = !turntable.textured;
  byId("textured").setAttribute("aria-pressed", String(turntable.textured));
  if (!turntable.works) panels.error(NO_WEBGL);
  turntable.draw(faces.frame);
}

/** An avatar instead of the mesh: our own head, or a file; again: the mesh. */
async function wear(file?: File): Promise<void> {
  if (!turntable || !faces.topology) return;
  const names = faces.topology.weights;
  try {
    const on = file ? await Avatar.read(await file.arrayBuffer(), names) : turntable.avatar ? null : await Avatar.own(names);
    panels.error("");
    put(on);
  } catch (error) {
    panels.error(file ? `${file.name}: ${(error as Error).message}` : (error as Error).message);
  }
}

/** The head of a picture in the album, instead of the mesh. */
async function look(mesh: string | null): Promise<void> {
  try {
    put(mesh === null ? null : await Avatar.still(mesh));
  } catch (error) {
    panels.error((error as Error).message);
  }
}

function put(on: Avatar | null): void {
  turntable?.wear(on);
  byId("avatar").setAttribute("aria-pressed", String(on !== null));
  if (turntable && !turntable.works) panels.error(NO_WEBGL);
  turntable?.draw(faces.frame);
}

function view(move: () => void): void {
  move();
  turntable?.draw(faces.frame);
}

const actions: Record<string, () => void> = {
  pause: () => wish({ do: "pause", on: state?.run !== "paused" }),
  stop: () => (camera.stop(), wish({ do: "stop" })),
  record,
  snapshot: () => wish({ do: "snapshot" }),
  relearn: () => wish({ do: "relearn" }),
  recentre: () => wish({ do: "recentre" }),
  neutral: () => wish({ do: "neutral" }),
  boxed: () => boxTool.show(),
  mode: nextMode,
  front: () => view(() => turntable?.front()),
  left: () => view(() => turntable?.turn(-15)),
  right: () => view(() => turntable?.turn(15)),
  lit: () => light(byId<HTMLInputElement>("light").valueAsNumber + 30),
  textured: texture,
  avatar: () => void wear(),
  help: () => byId<HTMLDialogElement>("sheet").showModal(),
  browser: () => void start("browser"),
  upload: () => void start("upload"),
  clip: () => void start("clip"),
};
for (const name of ["pause", "stop", "record", "snapshot", "relearn", "recentre", "neutral", "boxed", "front", "textured", "avatar", "help"]) {
  byId(name).addEventListener("click", actions[name]!);
}
listen(actions, () => document.body.classList.contains("watching"));
showKeys(byId("keys"));

for (const button of document.querySelectorAll<HTMLButtonElement>("[data-source]")) {
  button.addEventListener("click", () => void start(button.dataset.source!));
}
for (const kind of ["camera", "stream"]) {
  byId<HTMLFormElement>(`${kind}-form`).addEventListener("submit", (event) => {
    event.preventDefault();
    void start(kind, String(new FormData(event.target as HTMLFormElement).get("name")).trim());
  });
}
panels.onRemove = (number) => wish({ do: "unsend", number });
byId("protocol").addEventListener("change", (event) => (byId<HTMLInputElement>("send-url").value = (event.target as HTMLSelectElement).value));
byId<HTMLFormElement>("send-form").addEventListener("submit", (event) => {
  event.preventDefault();
  wish({ do: "send", url: byId<HTMLInputElement>("send-url").value.trim() });
});
byId("light").addEventListener("input", (event) => light((event.target as HTMLInputElement).valueAsNumber));
byId("mode").addEventListener("change", (event) => setMode((event.target as HTMLSelectElement).value as Mode));
for (const name of ["smooth", "mirror"]) {
  byId(name).addEventListener("change", (event) => wish({ do: "use", [name]: (event.target as HTMLInputElement).checked }));
}
for (const name of ["max_faces", "detect_every"]) {
  byId(name).addEventListener("change", (event) => {
    const box = event.target as HTMLInputElement;
    if (box.reportValidity() && box.value) wish({ do: "use", [name]: box.valueAsNumber });
  });
}
byId("models").addEventListener("change", (event) => wish({ do: "use", models: (event.target as HTMLSelectElement).value }));
byId<HTMLInputElement>("file").addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement;
  void send(input.files?.[0]).then(() => (input.value = ""));
});
byId("error").querySelector("button")!.addEventListener("click", () => panels.error(""));

let inside = 0;
addEventListener("dragenter", () => (byId("drop").hidden = ++inside === 0));
addEventListener("dragleave", () => (byId("drop").hidden = --inside <= 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  byId("drop").hidden = true;
  void send(event.dataTransfer?.files[0]);
});
addEventListener("resize", () => faces.frame && (overlay.draw(faces.frame, null), turntable?.draw(faces.frame)));
turntable && byId("mesh").addEventListener("pointermove", (event) => event.buttons && state?.run !== "running" && turntable.draw(faces.frame));

// For tests, and for the curious at the console.
Object.assign(window, {
  realtime3d: { faces, overlay, turntable, link, state: () => state, rate: () => meter.rate, ages: () => meter.ages, drawn: () => meter.drawn,
    mayControl: () => !document.body.classList.contains("watching"),
    running: (kind: string) => state?.run === "running" && state.source.kind === kind },
});
