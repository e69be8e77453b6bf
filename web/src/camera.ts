// The browser's own camera, sent to the server as JPEG. The newest picture wins: while one is on its way no other is made.

import type { Link } from "./link";

const QUALITY = 0.8;
const MOST_WAITING = 300_000; // bytes in the socket; then a picture is left out

export class CameraError extends Error {}

export class BrowserCamera {
  private stream: MediaStream | null = null;
  private readonly video = document.createElement("video");
  private readonly canvas = document.createElement("canvas");
  private busy = false;

  constructor(private readonly link: Link) {
    this.video.muted = true;
    this.video.playsInline = true;
  }

  get running(): boolean {
    return this.stream !== null;
  }

  async start(ended: () => void): Promise<void> {
    this.stop();
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new CameraError(
        "The browser gives its camera only to https:// or to this machine: open the page on the machine itself, or start the server with --tls-cert.",
      );
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
      });
    } catch (error) {
      throw new CameraError(reason(error as DOMException));
    }
    this.stream.getVideoTracks()[0]!.addEventListener("ended", () => {
      this.stop();
      ended();
    });
    this.video.srcObject = this.stream;
    await this.video.play();
    this.next();
  }

  stop(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  private next(): void {
    if (!this.stream) return;
    this.video.requestVideoFrameCallback(() => {
      this.send();
      this.next();
    });
  }

  private send(): void {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (this.busy || !width || !this.link.isOpen || this.link.waiting > MOST_WAITING) return;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    this.canvas.getContext("2d", { alpha: false })!.drawImage(this.video, 0, 0);
    this.busy = true;
    this.canvas.toBlob(
      (jpeg) => {
        this.busy = false;
        if (jpeg && this.stream) this.link.push(jpeg);
      },
      "image/jpeg",
      QUALITY,
    );
  }
}

function reason(error: DOMException): string {
  if (error.name === "NotAllowedError") {
    return "The browser did not give the camera: allow it beside the address, then choose “My camera” again.";
  }
  if (error.name === "NotFoundError") return "This device has no camera: connect one, or choose another source.";
  if (error.name === "NotReadableError") return "Another program uses the camera: close it, then choose “My camera” again.";
  return `The camera does not start (${error.name}): choose another source, or look into the browser's settings.`;
}
