// Faces as three.js knows them: one geometry a face, moved by each frame, drawn over the picture and in the 3D view.

import { BufferAttribute, BufferGeometry, Color, Matrix4, SRGBColorSpace } from "three";
import type { Face, Frame, Mesh, Packet } from "./protocol";

/** Colours by id, as the server's own overlay has them. */
export const PALETTE = ["#50c8f5", "#82dc6e", "#be8cff", "#ffbe5a", "#5adcdc", "#ffa096"];
export const HELD = "#aaaaaa";
const CLAY = new Color("#d9c2b4");

export function colourOf(face: { id: number; status: string }): string {
  return face.status === "tracked" ? PALETTE[face.id % PALETTE.length]! : HELD;
}

/** Camera axes (y down, z away) to those of three.js (y up, z to the viewer). */
const FLIP = new Matrix4().makeScale(1, -1, -1);

export class FaceShape {
  readonly geometry = new BufferGeometry(); // the whole head, its face first
  readonly edges = new BufferGeometry();
  readonly dots = new BufferGeometry();
  readonly placed = new Matrix4(); // head to camera, in axes of three.js
  readonly turned = new Matrix4(); // the same without the place
  readonly position: BufferAttribute;
  readonly veil: BufferAttribute; // (V, 4) black, as opaque as what lies before the vertex
  private readonly uv: BufferAttribute;
  veiled = false;
  private colouredAs = "";

  constructor(
    private readonly parts: Topology,
    public face: Face,
  ) {
    this.position = new BufferAttribute(new Float32Array(parts.count * 3), 3);
    this.uv = new BufferAttribute(new Float32Array(parts.count * 2), 2);
    this.veil = new BufferAttribute(new Uint8Array(parts.count * 4), 4, true);
    for (const geometry of [this.geometry, this.edges, this.dots]) geometry.setAttribute("position", this.position);
    this.geometry.setAttribute("normal", new BufferAttribute(new Float32Array(parts.count * 3), 3));
    this.geometry.setAttribute("clay", parts.clay);
    this.geometry.setAttribute("uv", this.uv);
    this.geometry.setIndex(parts.triangles);
    this.edges.setIndex(parts.edges);
    this.dots.setIndex(parts.points);
  }

  move(face: Face, steps: Int16Array | null): void {
    this.face = face;
    const [a, b, c, d, e, f, g, h, i] = face.R as [number, number, number, number, number, number, number, number, number];
    const [x, y, z] = face.t as [number, number, number];
    this.turned.set(a, b, c, 0, d, e, f, 0, g, h, i, 0, 0, 0, 0, 1).premultiply(FLIP);
    this.placed.set(a, b, c, x, d, e, f, y, g, h, i, z, 0, 0, 0, 1).premultiply(FLIP);
    if (steps) {
      const to = this.position.array as Float32Array;
      const step = this.parts.stepMm;
      for (let k = 0; k < to.length; k++) to[k] = steps[k]! * step;
      this.position.needsUpdate = true;
      this.geometry.computeVertexNormals();
    }
    const colour = colourOf(face);
    if (colour !== this.colouredAs) this.colour(colour);
  }

  /** What lies before the face: a byte a vertex; null where nobody knows. */
  hide(bytes: Uint8Array | null): void {
    this.veiled = bytes !== null;
    const to = this.veil.array as Uint8Array;
    for (let k = 0; k < this.parts.count; k++) to[4 * k + 3] = bytes?.[k] ?? 0;
    this.veil.needsUpdate = true;
  }

  /** Where each vertex lies in the picture, as texture coordinates. */
  layOver(frame: Frame): void {
    const { fx, fy, cx, cy } = frame.camera;
    const [width, height] = frame.size;
    const [a, b, c, d, e, f, g, h, i] = this.face.R as number[] as [number, number, number, number, number, number, number, number, number];
    const [tx, ty, tz] = this.face.t as [number, number, number];
    const from = this.position.array as Float32Array;
    const to = this.uv.array as Float32Array;
    for (let k = 0, m = 0; k < from.length; k += 3, m += 2) {
      const x = from[k]!, y = from[k + 1]!, z = from[k + 2]!;
      const depth = g * x + h * y + i * z + tz;
      to[m] = ((fx * (a * x + b * y + c * z + tx)) / depth + cx + 0.5) / width;
      to[m + 1] = 1 - ((fy * (d * x + e * y + f * z + ty)) / depth + cy + 0.5) / height;
    }
    this.uv.needsUpdate = true;
  }

  private colour(name: string): void {
    this.colouredAs = name;
    const attribute = this.parts.tinted(new Color(name));
    this.geometry.setAttribute("color", attribute);
    this.edges.setAttribute("color", attribute);
    this.dots.setAttribute("color", attribute);
  }

  dispose(): void {
    this.geometry.dispose();
    this.edges.dispose();
    this.dots.dispose();
  }
}

/** What all faces share. */
export class Topology {
  readonly count: number;
  readonly drawn: number; // indices of the face; the others are the rest of the head
  readonly stepMm: number;
  readonly weights: string[]; // ARKit's names, in the order of a face's weights
  readonly triangles: BufferAttribute;
  readonly edges: BufferAttribute;
  readonly points: BufferAttribute; // vertices of the face
  readonly clay: BufferAttribute;
  private readonly cover: Uint8Array;
  private readonly tint: Uint8Array;

  constructor(packet: Packet<Mesh>) {
    this.count = packet.header.vertices;
    this.drawn = packet.header.drawn * 3;
    this.stepMm = packet.header.step_mm;
    this.weights = packet.header.weights;
    this.triangles = new BufferAttribute(packet.uint16("triangles")!.slice(), 1);
    this.edges = new BufferAttribute(packet.uint16("edges")!.slice(), 1);
    this.cover = packet.bytes("see_through")!.slice();
    const shown = [...this.cover.keys()].filter((k) => this.cover[k]! > 76);
    this.points = new BufferAttribute(new Uint16Array(shown), 1);
    this.tint = packet.bytes("tint")!.slice();
    this.clay = this.tinted(CLAY, true);
  }

  /** (V, 4): a colour with lips and eyes in it, and how much of it is seen. */
  tinted(colour: Color, opaque = false): BufferAttribute {
    const base = colour.clone();
    const mixed = new Color();
    const values = new Float32Array(this.count * (opaque ? 3 : 4));
    const size = opaque ? 3 : 4;
    for (let k = 0; k < this.count; k++) {
      const share = this.tint[4 * k + 3]! / 255;
      mixed.setRGB(this.tint[4 * k]! / 255, this.tint[4 * k + 1]! / 255, this.tint[4 * k + 2]! / 255, SRGBColorSpace);
      mixed.lerpColors(base, mixed, share);
      values.set([mixed.r, mixed.g, mixed.b], k * size);
      if (!opaque) values[k * 4 + 3] = this.cover[k]! / 255;
    }
    return new BufferAttribute(values, size);
  }
}

/** The faces of the newest frame, by id. */
export class Faces {
  topology: Topology | null = null;
  readonly shapes = new Map<number, FaceShape>();
  frame: Frame | null = null;
  onChange: (() => void)[] = [];

  learn(packet: Packet<Mesh>): void {
    this.clear();
    this.frame = null; // its faces belong to the model before
    this.topology = new Topology(packet);
  }

  move(packet: Packet<Frame>): void {
    this.frame = packet.header;
    if (!this.topology) return;
    const here = new Set(packet.header.faces.map((face) => face.id));
    let changed = false;
    for (const [id, shape] of this.shapes) {
      if (here.has(id)) continue;
      shape.dispose();
      changed = this.shapes.delete(id);
    }
    for (const face of packet.header.faces) {
      const steps = packet.int16(`vertices_${face.id}`);
      const fits = steps !== null && steps.length === this.topology.count * 3;
      if (!this.shapes.has(face.id)) {
        if (!fits) continue; // of another model: there is nothing to show yet
        this.shapes.set(face.id, new FaceShape(this.topology, face));
        changed = true;
      }
      const shape = this.shapes.get(face.id)!;
      shape.move(face, fits ? steps : null);
      const hidden = packet.bytes(`hidden_${face.id}`);
      if (hidden || shape.veiled) shape.hide(hidden);
    }
    if (changed) for (const tell of this.onChange) tell();
  }

  clear(): void {
    for (const shape of this.shapes.values()) shape.dispose();
    this.shapes.clear();
    for (const tell of this.onChange) tell();
  }
}
