// What the page usually shows, drawn by the processor: the wire in the picture, and heads of clay.

import { type BufferAttribute, type BufferGeometry, type Camera, type DirectionalLight, Matrix4, type Mesh, Vector3 } from "three";
import type { FaceShape } from "./faces";
import { bytes, Painter } from "./painter";

export const WIRE = 0.5; // opacity

const array = (geometry: BufferGeometry, name: string) => (geometry.getAttribute(name) as BufferAttribute).array as Float32Array;
const indices = (geometry: BufferGeometry) => geometry.getIndex()!.array as Uint16Array;

/** Puts pixels on a canvas of the page. */
class Sheet {
  private readonly shown: ImageBitmapRenderingContext;
  private readonly off = new OffscreenCanvas(1, 1);
  readonly context = this.off.getContext("2d", { willReadFrequently: true })!;

  constructor(canvas: HTMLCanvasElement) {
    this.shown = canvas.getContext("bitmaprenderer")!;
  }

  size(width: number, height: number): void {
    if (this.off.width !== width || this.off.height !== height) Object.assign(this.off, { width, height });
  }

  put(pixels: ImageData): void {
    this.size(pixels.width, pixels.height);
    this.context.putImageData(pixels, 0, 0);
    this.show();
  }

  show(): void {
    this.shown.transferFromImageBitmap(this.off.transferToImageBitmap());
  }
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext("2d", { willReadFrequently: true })!; // kept where the processor can reach it
}

/** Picture and wire in one canvas. */
export class WirePicture {
  readonly plain = document.createElement("canvas"); // the picture alone
  private readonly source = context(this.plain);
  private readonly target: Sheet;
  private readonly painter = new Painter();
  private readonly matrix = new Matrix4();
  private readonly colours = new WeakMap<Float32Array, Uint8Array>();

  constructor(picture: HTMLCanvasElement) {
    this.target = new Sheet(picture);
  }

  take(bitmap: ImageBitmap): void {
    this.source.drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  /** `lens` takes from the camera's axes to clip space; without it there is no wire. */
  draw(shapes: FaceShape[], lens: Matrix4 | null): void {
    const pixels = this.source.getImageData(0, 0, this.plain.width, this.plain.height);
    this.painter.begin(pixels);
    const place = ({ geometry, placed }: FaceShape) => this.painter.place(array(geometry, "position"), this.matrix.multiplyMatrices(lens!, placed));
    for (const shape of lens ? shapes : []) {
      place(shape);
      this.painter.fill(indices(shape.geometry), false);
    }
    for (const shape of lens ? shapes : []) {
      if (shapes.length > 1) place(shape);
      this.painter.lines(indices(shape.edges), this.coloured(array(shape.edges, "color")), WIRE);
    }
    this.target.put(pixels);
  }

  private coloured(colours: Float32Array): Uint8Array {
    if (!this.colours.has(colours)) this.colours.set(colours, bytes(colours));
    return this.colours.get(colours)!;
  }
}

/** Heads as a sculptor has them. */
export class Clay {
  private readonly target: Sheet;
  private readonly painter = new Painter();
  private readonly matrix = new Matrix4();
  private readonly from = new Vector3();
  private pixels: ImageData | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.target = new Sheet(canvas);
  }

  draw(heads: Iterable<Mesh>, camera: Camera, sun: DirectionalLight): void {
    const { width, height } = this.canvas;
    if (this.pixels?.width !== width || this.pixels.height !== height) this.pixels = new ImageData(width, height);
    else this.pixels.data.fill(0);
    this.painter.begin(this.pixels);
    for (const { geometry, matrix } of heads) {
      this.painter.place(array(geometry, "position"), this.matrix.multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse).multiply(matrix));
      this.from.copy(sun.position).transformDirection(sun.matrixWorld).transformDirection(this.matrix.copy(matrix).invert());
      this.painter.light(array(geometry, "normal"), array(geometry, "color"), this.from);
      this.painter.fill(indices(geometry), true);
    }
    this.target.put(this.pixels);
  }

  /** What WebGL has drawn in another canvas. */
  copy(drawn: HTMLCanvasElement): void {
    this.target.size(drawn.width, drawn.height);
    this.target.context.clearRect(0, 0, drawn.width, drawn.height);
    this.target.context.drawImage(drawn, 0, 0);
    this.target.show();
  }
}
