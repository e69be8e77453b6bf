// A box drawn on the picture by hand: with the mouse or a finger, or with the arrow keys.

type Box = [number, number, number, number]; // left, top, right, bottom as shares of the picture

const STEP = 0.02;
const LEAST = 0.02;
const FIRST: Box = [0.35, 0.3, 0.65, 0.7];

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

export class BoxTool {
  private box: Box = [...FIRST];
  private from: [number, number] | null = null;

  /** `done` gets the box that was drawn, in shares of the picture. */
  constructor(
    private readonly figure: HTMLElement,
    private readonly frame: HTMLElement,
    private readonly button: HTMLElement,
    private readonly done: (box: Box) => void,
  ) {
    figure.addEventListener("pointerdown", (event) => this.down(event));
    figure.addEventListener("pointermove", (event) => this.from && this.drag(event));
    figure.addEventListener("pointerup", (event) => this.up(event));
    figure.addEventListener("pointercancel", () => this.show(false));
    frame.addEventListener("keydown", (event) => this.key(event));
  }

  get on(): boolean {
    return !this.frame.hidden;
  }

  /** Begin to draw, or leave it. */
  show(on = !this.on): void {
    this.frame.hidden = !on;
    this.figure.classList.toggle("drawing", on);
    this.button.setAttribute("aria-pressed", String(on));
    this.from = null;
    if (!on) return;
    this.place([...FIRST]);
    this.frame.focus();
  }

  private place(box: Box): void {
    this.box = box;
    const [left, top, right, bottom] = box.map((side) => `${100 * side}%`) as [string, string, string, string];
    Object.assign(this.frame.style, { left, top, width: `calc(${right} - ${left})`, height: `calc(${bottom} - ${top})` });
  }

  private at(event: PointerEvent): [number, number] {
    const { left, top, width, height } = this.figure.getBoundingClientRect();
    return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
  }

  private down(event: PointerEvent): void {
    if (!this.on) return;
    event.preventDefault();
    this.figure.setPointerCapture(event.pointerId);
    this.from = this.at(event);
  }

  private drag(event: PointerEvent): void {
    const [x, y] = this.from!, [u, v] = this.at(event);
    this.place([Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)]);
  }

  private up(event: PointerEvent): void {
    if (!this.from) return;
    this.drag(event);
    this.from = null;
    this.finish();
  }

  private finish(): void {
    const [left, top, right, bottom] = this.box;
    if (right - left < LEAST || bottom - top < LEAST) return; // a click: the box is still to be drawn
    this.show(false);
    this.done(this.box);
  }

  private key(event: KeyboardEvent): void {
    const ways: Record<string, [number, number]> = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const way = ways[event.key];
    if (!way && event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") return this.finish();
    if (event.key === "Escape") return this.show(false);
    const [dx, dy] = way!, [left, top, right, bottom] = this.box;
    if (event.shiftKey) this.place([left, top, Math.max(left + LEAST, clamp(right + dx)), Math.max(top + LEAST, clamp(bottom + dy))]);
    else if (left + dx >= 0 && right + dx <= 1 && top + dy >= 0 && bottom + dy <= 1) this.place([left + dx, top + dy, right + dx, bottom + dy]);
  }
}
