// The socket. It comes back by itself: after a restart of the server, a sleep of the laptop, a lost network.

import { type Frame, type Hello, type Mesh, Packet, type Refused, type State } from "./protocol";

export type Listener = {
  open(): void;
  closed(waitS: number): void;
  hello(message: Hello): void;
  state(message: State): void;
  refused(message: Refused): void;
  mesh(packet: Packet<Mesh>): void;
  frame(packet: Packet<Frame>, bytes: number): void;
};

const FIRST_WAIT_S = 0.5;
const LONGEST_WAIT_S = 8;
const TICK_MS = 2000;
const ASLEEP_MS = 12_000; // between two ticks: the machine slept, and what looks open may be dead

export class Link {
  private socket: WebSocket | null = null;
  private wait = FIRST_WAIT_S;
  private timer = 0;
  opened = 0; // sockets so far

  constructor(
    private readonly address: string,
    private readonly listener: Listener,
  ) {
    const now = () => this.socket === null && this.open();
    addEventListener("online", now);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && now());
    let last = Date.now();
    setInterval(() => {
      const slept = Date.now() - last;
      last = Date.now();
      if (slept > ASLEEP_MS && document.visibilityState === "visible") this.again();
    }, TICK_MS);
    this.open();
  }

  /** Leave the socket as it is, and open another. */
  private again(): void {
    const old = this.socket;
    if (!old) return;
    old.onclose = old.onmessage = null;
    old.close();
    this.wait = FIRST_WAIT_S;
    this.open();
  }

  get waiting(): number {
    return this.socket?.bufferedAmount ?? Infinity;
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  wish(message: Record<string, unknown>): boolean {
    if (!this.isOpen) return false;
    this.socket!.send(JSON.stringify(message));
    return true;
  }

  push(jpeg: Blob): void {
    if (this.isOpen) this.socket!.send(jpeg);
  }

  private open(): void {
    clearTimeout(this.timer);
    this.opened++;
    const socket = new WebSocket(this.address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT_S;
      this.listener.open();
    };
    socket.onclose = () => {
      this.socket = null;
      this.listener.closed(this.wait);
      this.timer = window.setTimeout(() => this.open(), this.wait * 1000);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_S);
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.text(data) : this.binary(data));
  }

  private text(data: string): void {
    const message = JSON.parse(data) as Hello | State | Refused;
    if (message.type === "hello") this.listener.hello(message);
    else if (message.type === "state") this.listener.state(message);
    else if (message.type === "refused") this.listener.refused(message);
  }

  private binary(data: ArrayBuffer): void {
    const packet = Packet.read(data);
    if (packet.header.type === "mesh") this.listener.mesh(packet as Packet<Mesh>);
    else this.listener.frame(packet as Packet<Frame>, data.byteLength);
  }
}
