// The picture with what was found drawn over it: a canvas for the picture, one of WebGL on top. Without a GPU the wire is in the picture.

import {
  BufferGeometry, CanvasTexture, Group, LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial, MeshLambertMaterial,
  NoBlending, PerspectiveCamera, Points, PointsMaterial, Scene, SRGBColorSpace, type WebGLRenderer,
} from "three";
import type { FaceShape, Faces } from "./faces";
import { colourOf } from "./faces";
import { lights, renderer, software } from "./gl";
import type { Frame } from "./protocol";
import { WIRE, WirePicture } from "./sketch";

export type Mode = "wire" | "shaded" | "transparent" | "points" | "texture" | "mask" | "off";
const OPACITY: Record<Mode, number> = { wire: 0.14, shaded: 0.97, transparent: 0.5, points: 0, texture: 0, mask: 0, off: 0 };
const MASK_DARK = 0.8; // of the picture's light is taken around the faces
const SOFTWARE_WIDTH = 480; // px of the drawing where there is no GPU

class Drawn {
  readonly group = new Group();
  private readonly surface: Mesh;
  private readonly veil: Mesh;
  private readonly wire: LineSegments;
  private readonly dots: Points;
  private readonly hole: Mesh;
  private readonly skin: Skin;

  constructor(readonly shape: FaceShape, drawn: number, materials: Materials) {
    const geometry = shape.geometry;
    this.veil = new Mesh(geometry, materials.depth);
    this.veil.renderOrder = 0;
    this.surface = new Mesh(geometry, materials.surface);
    this.surface.renderOrder = 1;
    this.wire = new LineSegments(shape.edges, materials.wire);
    this.wire.renderOrder = 2;
    this.dots = new Points(shape.dots, materials.dots);
    this.dots.renderOrder = 2;
    const hole = new BufferGeometry(); // the face alone
    hole.setAttribute("position", shape.position);
    hole.setAttribute("color", shape.veil);
    hole.setIndex(geometry.getIndex());
    hole.setDrawRange(0, drawn);
    this.hole = new Mesh(hole, materials.hole);
    this.skin = new Skin(shape, drawn);
    this.group.add(this.veil, this.surface, this.wire, this.dots, this.hole, this.skin.mesh);
    this.group.matrixAutoUpdate = false;
    for (const part of this.group.children) part.frustumCulled = false;
    geometry.setDrawRange(0, Infinity);
    this.surface.onBeforeRender = () => geometry.setDrawRange(0, drawn);
    this.surface.onAfterRender = () => geometry.setDrawRange(0, Infinity);
  }

  dispose(): void {
    this.hole.geometry.dispose();
    this.skin.dispose();
  }

  show(mode: Mode, frame: Frame, picture: HTMLCanvasElement): void {
    this.group.matrix.copy(this.shape.placed);
    this.group.visible = mode !== "off";
    this.wire.visible = mode === "wire";
    this.dots.visible = mode === "points";
    this.hole.visible = mode === "mask";
    this.skin.mesh.visible = mode === "texture";
    if (mode === "texture") this.skin.see(this.shape, frame, picture);
    this.surface.visible = OPACITY[mode] > 0;
  }
}

/** The face with its own colours, kept from the frame that showed it best. */
class Skin {
  readonly mesh: Mesh;
  private readonly geometry = new BufferGeometry();
  private readonly canvas = document.createElement("canvas");
  private readonly texture = new CanvasTexture(this.canvas);
  private readonly material = new MeshBasicMaterial({ map: this.texture });
  private best = 0;

  constructor(shape: FaceShape, drawn: number) {
    this.geometry.setAttribute("position", shape.position);
    this.geometry.setIndex(shape.geometry.getIndex());
    this.geometry.setDrawRange(0, drawn);
    this.texture.colorSpace = SRGBColorSpace;
    this.texture.generateMipmaps = false;
    this.mesh = new Mesh(this.geometry, this.material);
    this.mesh.renderOrder = 1;
  }

  see(shape: FaceShape, frame: Frame, picture: HTMLCanvasElement): void {
    const { box, R, status, confidence } = shape.face;
    const worth = status === "tracked" ? confidence * Math.max(R[8]!, 0) ** 2 * (box[2] - box[0]) : 0;
    if (worth <= 1.05 * this.best || !picture.width) return;
    this.best = worth;
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) this.texture.dispose(); // of another size
    this.canvas.width = picture.width;
    this.canvas.height = picture.height;
    this.canvas.getContext("2d")!.drawImage(picture, 0, 0);
    this.texture.needsUpdate = true;
    shape.layOver(frame);
    this.geometry.setAttribute("uv", shape.geometry.getAttribute("uv").clone());
  }

  dispose(): void {
    this.geometry.dispose();
    this.texture.dispose();
    this.material.dispose();
  }
}

type Materials = {
  hole: MeshBasicMaterial;
  depth: MeshBasicMaterial;
  surface: MeshLambertMaterial;
  wire: LineBasicMaterial;
  dots: PointsMaterial;
};

export class Overlay {
  mode: Mode = "wire";
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera();
  private pictured = false;
  private readonly drawn = new Map<number, Drawn>();
  private readonly gl: ReturnType<typeof renderer>;
  private readonly bitmap: ImageBitmapRenderingContext | null;
  private readonly sketch: WirePicture | null; // where there is no GPU
  private readonly materials: Materials = {
    hole: new MeshBasicMaterial({ vertexColors: true, transparent: true, opacity: MASK_DARK, blending: NoBlending, depthWrite: false }),
    depth: new MeshBasicMaterial({ colorWrite: false, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 }),
    surface: new MeshLambertMaterial({ vertexColors: true, transparent: true, depthWrite: false, polygonOffset: true }),
    wire: new LineBasicMaterial({ vertexColors: true, transparent: true, opacity: WIRE, depthWrite: false }),
    dots: new PointsMaterial({ vertexColors: true, transparent: true, size: 2, sizeAttenuation: false, depthWrite: false }),
  };

  constructor(
    private readonly picture: HTMLCanvasElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly labels: HTMLElement,
    private readonly faces: Faces,
  ) {
    this.sketch = software ? new WirePicture(picture) : null;
    this.bitmap = software ? null : picture.getContext("bitmaprenderer");
    this.gl = renderer(canvas);
    this.scene.add(lights());
    this.camera.matrixAutoUpdate = false;
    faces.onChange.push(() => this.people());
  }

  /** Whether this browser can draw the style. */
  get works(): boolean {
    return this.sketched || this.gl() !== null;
  }

  /** The picture with nothing drawn in it. */
  get plain(): HTMLCanvasElement {
    return this.sketch?.plain ?? this.picture;
  }

  private get sketched(): boolean {
    return this.sketch !== null && (this.mode === "wire" || this.mode === "off");
  }

  private people(): void {
    for (const [id, drawn] of this.drawn) {
      if (this.faces.shapes.get(id) === drawn.shape) continue;
      this.scene.remove(drawn.group);
      drawn.dispose();
      this.drawn.delete(id);
    }
    for (const [id, shape] of this.faces.shapes) {
      if (this.drawn.has(id)) continue;
      const drawn = new Drawn(shape, this.faces.topology!.drawn, this.materials);
      this.drawn.set(id, drawn);
      this.scene.add(drawn.group);
    }
  }

  draw(frame: Frame, bitmap: ImageBitmap | null): void {
    if (bitmap) this.take(bitmap);
    this.label(frame);
    this.look(frame);
    this.canvas.hidden = this.sketched; // a layer less
    if (this.sketch) {
      if (!this.pictured) this.resize(...frame.size);
      this.sketch.draw([...this.faces.shapes.values()], this.mode === "wire" ? this.camera.projectionMatrix : null);
    }
    const gl = this.sketched ? null : this.gl();
    if (!gl) return;
    this.fit(gl, ...frame.size);
    this.materials.surface.opacity = OPACITY[this.mode];
    gl.setClearColor(0, this.mode === "mask" ? MASK_DARK : 0);
    for (const drawn of this.drawn.values()) drawn.show(this.mode, frame, this.plain);
    gl.render(this.scene, this.camera);
  }

  private take(bitmap: ImageBitmap): void {
    this.pictured = true;
    this.resize(bitmap.width, bitmap.height);
    this.sketch?.take(bitmap);
    this.bitmap?.transferFromImageBitmap(bitmap);
  }

  private resize(width: number, height: number): void {
    if (this.picture.width === width && this.picture.height === height) return;
    Object.assign(this.picture, { width, height });
    if (this.sketch) Object.assign(this.sketch.plain, { width, height });
    this.picture.parentElement!.style.setProperty("--ratio", `${width} / ${height}`);
  }

  private fit(gl: WebGLRenderer, width: number, height: number): void {
    const shown = this.canvas.clientWidth * Math.min(devicePixelRatio, 2) || width;
    const wide = Math.round(Math.min(software ? SOFTWARE_WIDTH : 1600, shown));
    const high = Math.round((wide * height) / width);
    if (this.canvas.width !== wide || this.canvas.height !== high) gl.setSize(wide, high, false);
  }

  /** The lens of the camera that took the picture. */
  private look(frame: Frame): void {
    const { fx, fy, cx, cy } = frame.camera;
    const [width, height] = frame.size;
    const near = 20, far = 20000;
    this.camera.projectionMatrix.set(
      (2 * fx) / width, 0, 1 - (2 * (cx + 0.5)) / width, 0,
      0, (2 * fy) / height, (2 * (cy + 0.5)) / height - 1, 0,
      0, 0, -(far + near) / (far - near), (-2 * far * near) / (far - near),
      0, 0, -1, 0,
    );
    this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert();
  }

  private label(frame: Frame): void {
    const [width, height] = frame.size;
    while (this.labels.children.length > frame.faces.length) this.labels.lastChild!.remove();
    while (this.labels.children.length < frame.faces.length) this.labels.append(document.createElement("span"));
    frame.faces.forEach((face, k) => {
      const label = this.labels.children[k] as HTMLElement;
      const [left, top, , bottom] = face.box;
      label.hidden = this.mode === "off";
      label.textContent = `${face.id}  ${Math.round(face.confidence * 100)} %`;
      label.style.left = `${(100 * left) / width}%`;
      label.style.top = `${Math.max(5, (100 * (top - 0.4 * (bottom - top))) / height)}%`;
      label.style.color = colourOf(face);
    });
  }
}
