// Lists of named values, each with a bar.

type Row = { bar: HTMLElement; value: HTMLElement; name: string };

const UNITS: Record<string, string> = {
  AU01: "inner brow raiser", AU02: "outer brow raiser", AU04: "brow lowerer", AU05: "upper lid raiser", AU06: "cheek raiser",
  AU07: "lid tightener", AU09: "nose wrinkler", AU10: "upper lip raiser", AU12: "lip corner puller", AU14: "dimpler",
  AU15: "lip corner depressor", AU17: "chin raiser", AU20: "lip stretcher", AU23: "lip tightener", AU25: "lips part",
  AU26: "jaw drop", AU45: "blink",
};

export class Bars {
  private rows: Row[] = [];

  /** `most` is the value of a full bar. */
  constructor(
    private readonly list: HTMLElement,
    private readonly most = 1,
  ) {}

  name(names: string[]): void {
    if (names.length === this.rows.length && names.every((name, k) => name === this.rows[k]!.name)) return;
    this.rows = [];
    this.list.replaceChildren(
      ...names.map((name) => {
        const [item, label, track, bar, value] = ["li", "span", "i", "b", "span"].map((tag) => document.createElement(tag)) as [
          HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
        label.textContent = UNITS[name] ? `${Number(name.slice(2))} ${UNITS[name]}` : name;
        track.append(bar);
        item.append(label, track, value);
        this.rows.push({ bar, value, name });
        return item;
      }),
    );
  }

  /** Without values: nobody is seen. A value may be unknown. */
  show(values: ArrayLike<number | null> | null): void {
    this.rows.forEach(({ bar, value: cell }, k) => {
      const value = values?.[k] ?? null;
      bar.style.transform = `scaleX(${Math.min((value ?? 0) / this.most, 1).toFixed(3)})`;
      const text = value === null ? (values ? "–" : "") : value.toFixed(2);
      if (cell.textContent !== text) cell.textContent = text;
    });
  }
}
