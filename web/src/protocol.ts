// The messages of docs/protocol.md.

export const VERSION = 1;

export type Face = {
  id: number;
  status: "tracked" | "held";
  confidence: number;
  R: number[];
  t: number[];
  angles: [number, number, number];
  box: [number, number, number, number];
  weights: number[];
  identity: { frozen: boolean; frames: number };
  gaze?: { left: [number, number]; right: [number, number]; camera: [number, number]; confidence: number };
  action_units?: Record<string, number | null>; // shown where the server knows them
  emotions?: Record<string, number>;
};

export type Rates = { fps: number; p50_ms: number; p95_ms: number; dropped: number; frames: number };
type Parts = Record<string, [number, number]>;

export type Frame = {
  type: "frame";
  index: number;
  t: number;
  size: [number, number];
  camera: { fx: number; fy: number; cx: number; cy: number };
  faces: Face[];
  lost: number[];
  rates: Rates;
  parts: Parts;
};

export type Mesh = {
  type: "mesh";
  version: number;
  vertices: number;
  drawn: number;
  step_mm: number;
  weights: string[];
  parts: Parts;
};

export type State = {
  type: "state";
  run: "idle" | "opening" | "running" | "paused" | "ended" | "failed";
  runs: number;
  source: { kind?: string; name?: string; width?: number; height?: number; live?: boolean };
  said: string;
  error: string;
  settings: { models: string; max_faces: number; detect_every: number; smooth: boolean; mirror: boolean };
  backend: string;
  model_set: string;
  recording: { seconds: number; frames: number } | null;
  centred: Record<string, [number, number, number]>;
  sent: string[];
  targets: { number: number; to: string; text: string; failed: boolean }[];
  saved: string[];
  viewers: number;
  limits: { modes: string[]; models: string[]; kinds: string[]; max_faces: [number, number]; protocols: { example: string; what: string }[] };
  rates: Rates;
};

export type Hello = { type: "hello"; version: number; may_control: boolean; given: boolean; album: number };
export type Refused = { type: "refused"; text: string };

/** A binary message: its header, and a way to its parts. */
export class Packet<T extends { type: string; parts: Parts }> {
  private constructor(
    readonly header: T,
    private readonly buffer: ArrayBuffer,
    private readonly start: number,
  ) {}

  static read(buffer: ArrayBuffer): Packet<Frame> | Packet<Mesh> {
    const view = new DataView(buffer);
    if (buffer.byteLength < 8 || view.getUint32(0, true) !== 0x31443352) throw new Error("not a message of realtime3d");
    const length = view.getUint32(4, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    return new Packet(header, buffer, 8 + length) as Packet<Frame> | Packet<Mesh>;
  }

  bytes(name: string): Uint8Array<ArrayBuffer> | null {
    const place = this.header.parts[name];
    return place ? new Uint8Array(this.buffer, this.start + place[0], place[1]) : null;
  }

  uint16(name: string): Uint16Array | null {
    const place = this.header.parts[name];
    return place ? new Uint16Array(this.buffer, this.start + place[0], place[1] / 2) : null;
  }

  int16(name: string): Int16Array | null {
    const place = this.header.parts[name];
    return place ? new Int16Array(this.buffer, this.start + place[0], place[1] / 2) : null;
  }
}
