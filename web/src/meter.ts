// How fast and how late the page draws.

export class Meter {
  drawn = 0; // frames since the page was opened
  private readonly shown: number[] = []; // times of the last frames that were drawn
  private readonly late: number[] = []; // from the picture to the drawn mesh, ms

  /** A frame is drawn that came at `came`; the server took `before_ms` for it. */
  count(came: number, before_ms: number): void {
    const now = performance.now();
    this.drawn++;
    this.shown.push(now);
    this.late.push(before_ms + now - came);
    if (this.shown.length > 60) this.shown.shift();
    if (this.late.length > 300) this.late.shift();
  }

  get ages(): number[] {
    return [...this.late];
  }

  /** Frames a second. */
  get rate(): number {
    const span = (this.shown.at(-1) ?? 0) - (this.shown[0] ?? 0);
    return span > 0 ? ((this.shown.length - 1) * 1000) / span : 0;
  }
}
