// Draws meshes without WebGL: where there is no GPU, each of WebGL's canvases costs more than all else on the page.

import type { Matrix4 } from "three";

export const SUN = 2.2, AMBIENT = 1.1; // strength of the page's two lights, in units of three.js
const NEAR_MM = 20; // nothing is drawn from nearer
const STEPS = 1023; // of the table from linear light to bytes

const BYTE = Uint8Array.from({ length: STEPS + 1 }, (_, k) => {
  const light = k / STEPS;
  return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
});

/** Linear light, 0 to 1, as a byte of sRGB. */
function byte(light: number): number {
  return BYTE[light >= 1 ? STEPS : (light * STEPS + 0.5) | 0]!;
}

type Light = { x: number; y: number; z: number };

/** One picture with a z-buffer. Each head is placed before it is filled or gets its lines. */
export class Painter {
  private width = 0;
  private height = 0;
  private pixels = new Uint8ClampedArray(0);
  private words = new Uint32Array(0); // the same memory, a pixel each
  private front = new Float32Array(0); // of each pixel: how near is what was drawn there, 1/mm; 0 for nothing
  private at = new Float32Array(0); // of each vertex: x and y in pixels, nearness; 0 for what is behind the lens
  private shade = new Float32Array(0); // of each vertex: its colour as bytes

  /** Draw into these pixels from now on. */
  begin(image: ImageData): void {
    this.width = image.width;
    this.height = image.height;
    this.pixels = image.data;
    this.words = new Uint32Array(image.data.buffer);
    if (this.front.length < this.words.length) this.front = new Float32Array(this.words.length);
    else this.front.fill(0);
  }

  /** Where the vertices are seen, with a matrix from their own coordinates to the clip space of WebGL. */
  place(vertices: Float32Array, { elements: m }: Matrix4): void {
    if (this.at.length !== vertices.length) {
      this.at = new Float32Array(vertices.length);
      this.shade = new Float32Array(vertices.length);
    }
    const at = this.at, half = this.width / 2, middle = this.height / 2;
    const [a, b, , c, d, e, , f, g, h, , i, j, k, , l] = m;
    for (let n = 0; n < vertices.length; n += 3) {
      const x = vertices[n]!, y = vertices[n + 1]!, z = vertices[n + 2]!;
      const depth = c * x + f * y + i * z + l;
      const near = depth > NEAR_MM ? 1 / depth : 0;
      at[n] = half + half * near * (a * x + d * y + g * z + j);
      at[n + 1] = middle - middle * near * (b * x + e * y + h * z + k);
      at[n + 2] = near;
    }
  }

  /** Light on clay: `colours` are linear, three a vertex; `from` is where the light comes from, in the normals' own axes. */
  light(normals: Float32Array, colours: Float32Array, from: Light): void {
    const { x, y, z } = from, shade = this.shade;
    for (let n = 0; n < normals.length; n += 3) {
      const facing = normals[n]! * x + normals[n + 1]! * y + normals[n + 2]! * z;
      const light = (AMBIENT + (facing > 0 ? SUN * facing : 0)) / Math.PI;
      shade[n] = byte(light * colours[n]!);
      shade[n + 1] = byte(light * colours[n + 1]!);
      shade[n + 2] = byte(light * colours[n + 2]!);
    }
  }

  /** Triangles that face the viewer: in the colours of `light`, or unseen, and then a little behind the lines on them. */
  fill(triangles: Uint16Array, seen: boolean): void {
    const { at, shade, front, words, width } = this;
    const right = width - 1, bottom = this.height - 1;
    for (let n = 0; n < triangles.length; n += 3) {
      const a = 3 * triangles[n]!, b = 3 * triangles[n + 1]!, c = 3 * triangles[n + 2]!;
      const ax = at[a]!, ay = at[a + 1]!, bx = at[b]! - ax, by = at[b + 1]! - ay, cx = at[c]! - ax, cy = at[c + 1]! - ay;
      const area = bx * cy - by * cx;
      const az = at[a + 2]!, bz = at[b + 2]!, cz = at[c + 2]!;
      if (area >= 0 || az === 0 || bz === 0 || cz === 0) continue; // y goes down, so the front turns the other way
      const left = Math.max(0, Math.ceil(ax + Math.min(0, bx, cx) - 0.5)), end = Math.min(right, Math.floor(ax + Math.max(0, bx, cx) - 0.5));
      const top = Math.max(0, Math.ceil(ay + Math.min(0, by, cy) - 0.5)), last = Math.min(bottom, Math.floor(ay + Math.max(0, by, cy) - 0.5));
      if (left > end || top > last) continue;
      // Shares of b and c at a pixel, and what they grow by to the right and down.
      const bRight = cy / area, bDown = -cx / area, cRight = -by / area, cDown = bx / area;
      const zRight = bRight * (bz - az) + cRight * (cz - az), zDown = bDown * (bz - az) + cDown * (cz - az);
      const base = seen ? az : az - Math.max(Math.abs(zRight), Math.abs(zDown)); // as WebGL's polygonOffset(1)
      const ar = shade[a]!, ag = shade[a + 1]!, ab = shade[a + 2]!;
      const br = shade[b]! - ar, bg = shade[b + 1]! - ag, bb = shade[b + 2]! - ab;
      const cr = shade[c]! - ar, cg = shade[c + 1]! - ag, cb = shade[c + 2]! - ab;
      for (let y = top; y <= last; y++) {
        const dx = left + 0.5 - ax, dy = y + 0.5 - ay;
        let p = bRight * dx + bDown * dy, q = cRight * dx + cDown * dy;
        for (let x = left, k = y * width + left; x <= end; x++, k++, p += bRight, q += cRight) {
          if (p < 0 || q < 0 || p + q > 1) continue;
          const z = base + p * (bz - az) + q * (cz - az);
          if (z <= front[k]!) continue;
          front[k] = z;
          if (seen) words[k] = 0xff000000 | ((ab + p * bb + q * cb) << 16) | ((ag + p * bg + q * cg) << 8) | (ar + p * br + q * cr);
        }
      }
    }
  }

  /** Lines a pixel wide where no triangle lies before them; `colours` are bytes, four a vertex. */
  lines(edges: Uint16Array, colours: Uint8Array, opacity: number): void {
    const { at, front, width, height } = this;
    for (let n = 0; n < edges.length; n += 2) {
      let a = edges[n]!, b = edges[n + 1]!;
      const alpha = ((colours[4 * a + 3]! + colours[4 * b + 3]!) / 510) * opacity;
      if (alpha < 1 / 255 || at[3 * a + 2] === 0 || at[3 * b + 2] === 0) continue;
      const steep = Math.abs(at[3 * b + 1]! - at[3 * a + 1]!) > Math.abs(at[3 * b]! - at[3 * a]!) ? 1 : 0;
      if (at[3 * a + steep]! > at[3 * b + steep]!) [a, b] = [b, a];
      const from = at[3 * a + steep]!, to = at[3 * b + steep]!, side = at[3 * a + 1 - steep]!, near = at[3 * a + 2]!;
      const lean = (at[3 * b + 1 - steep]! - side) / (to - from), deeper = (at[3 * b + 2]! - near) / (to - from);
      const most = steep ? height : width, across = steep ? width : height;
      // From pixel to pixel, without the last one: where lines meet, none is drawn twice.
      for (let s = Math.max(0, Math.ceil(from - 0.5)); s < most && s + 0.5 < to; s++) {
        const along = s + 0.5 - from, u = Math.floor(side + lean * along);
        if (u < 0 || u >= across) continue;
        const k = steep ? s * width + u : u * width + s;
        if (near + deeper * along >= front[k]!) this.mix(4 * k, colours, 4 * a, alpha);
      }
    }
  }

  private mix(k: number, colours: Uint8Array, from: number, alpha: number): void {
    const pixels = this.pixels;
    const under = pixels[k + 3]! / 255, whole = alpha + under * (1 - alpha), share = alpha / whole; // of a page without a picture
    for (let c = 0; c < 3; c++) pixels[k + c] = pixels[k + c]! + share * (colours[from + c]! - pixels[k + c]!);
    pixels[k + 3] = 255 * whole;
  }
}

/** Colours of vertices, linear and four each, as bytes of sRGB. */
export function bytes(colours: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(colours, (value, k) => (k % 4 === 3 ? 255 * value : byte(value)));
}
