// The picture with what was found drawn over it: a canvas for the picture, one of WebGL on top.

import {
  AmbientLight, BufferGeometry, CanvasTexture, DirectionalLight, Group, LineBasicMaterial, LineSegments, Mesh, MeshBasicMaterial, MeshLambertMaterial,
  NoBlending, PerspectiveCamera, Points, PointsMaterial, Scene, SRGBColorSpace, WebGLRenderer,
} from "three";
import type { FaceShape, Faces } from "./faces";
import { colourOf } from "./faces";
import type { Frame } from "./protocol";

export type Mode = "wire" | "shaded" | "transparent" | "points" | "texture" | "mask" | "off";
const OPACITY: Record<Mode, number> = { wire: 0.14, shaded: 0.97, transparent: 0.5, points: 0, texture: 0, mask: 0, off: 0 };
const MASK_DARK = 0.8; // of the picture's light is taken around the faces
const SOFTWARE_WIDTH = 480; // px of the drawing where there is no GPU

/** A renderer, or null where the browser has no WebGL; and whether a GPU does the work. */
export function renderer(canvas: HTMLCanvasElement): { gl: WebGLRenderer; software: boolean } | null {
  const probe = document.createElement("canvas").getContext("webgl2");
  if (!probe) return null;
  const about = probe.getExtension("WEBGL_debug_renderer_info");
  const name = about ? String(probe.getParameter(about.UNMASKED_RENDERER_WEBGL)) : "";
  probe.getExtension("WEBGL_lose_context")?.loseContext();
  const software = /swiftshader|llvmpipe|software|basic render/i.test(name);
  try {
    return { gl: new WebGLRenderer({ canvas, alpha: true, antialias: !software }), software };
  } catch {
    return null;
  }
}

export function lights(): Group {
  const group = new Group();
  const sun = new DirectionalLight(0xffffff, 2.2);
  sun.position.set(0.35, 0.55, 0.76);
  group.add(sun, sun.target, new AmbientLight(0xffffff, 1.1)); // the target too: else what is far away is lit from there
  return group;
}

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

  show(mode: Mode, software: boolean, frame: Frame, picture: HTMLCanvasElement): void {
    this.group.matrix.copy(this.shape.placed);
    this.group.visible = mode !== "off";
    this.wire.visible = mode === "wire";
    this.dots.visible = mode === "points";
    this.hole.visible = mode === "mask";
    this.skin.mesh.visible = mode === "texture";
    if (mode === "texture") this.skin.see(this.shape, frame, picture);
    this.surface.visible = OPACITY[mode] > 0 && !(software && mode === "wire"); // a veil that costs as much as all else
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
  private readonly drawn = new Map<number, Drawn>();
  private readonly gl: WebGLRenderer | null;
  readonly software: boolean; // no GPU does the work
  private readonly bitmap: ImageBitmapRenderingContext | null;
  private readonly materials: Materials = {
    hole: new MeshBasicMaterial({ vertexColors: true, transparent: true, opacity: MASK_DARK, blending: NoBlending, depthWrite: false }),
    depth: new MeshBasicMaterial({ colorWrite: false, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 }),
    surface: new MeshLambertMaterial({ vertexColors: true, transparent: true, depthWrite: false, polygonOffset: true }),
    wire: new LineBasicMaterial({ vertexColors: true, transparent: true, opacity: 0.5, depthWrite: false }),
    dots: new PointsMaterial({ vertexColors: true, transparent: true, size: 2, sizeAttenuation: false, depthWrite: false }),
  };

  constructor(
    private readonly picture: HTMLCanvasElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly labels: HTMLElement,
    private readonly faces: Faces,
  ) {
    this.bitmap = picture.getContext("bitmaprenderer");
    const made = renderer(canvas);
    this.gl = made?.gl ?? null;
    this.software = made?.software ?? true;
    this.gl?.setClearAlpha(0);
    this.scene.add(lights());
    this.camera.matrixAutoUpdate = false;
    faces.onChange.push(() => this.take());
  }

  get works(): boolean {
    return this.gl !== null;
  }

  private take(): void {
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
    const [width, height] = frame.size;
    if (bitmap) {
      if (this.picture.width !== bitmap.width || this.picture.height !== bitmap.height) {
        this.picture.width = bitmap.width;
        this.picture.height = bitmap.height;
        this.picture.parentElement!.style.setProperty("--ratio", `${width} / ${height}`);
      }
      this.bitmap?.transferFromImageBitmap(bitmap);
    }
    this.label(frame);
    if (!this.gl) return;
    this.fit(width, height);
    this.look(frame);
    this.materials.surface.opacity = OPACITY[this.mode];
    this.gl.setClearColor(0, this.mode === "mask" ? MASK_DARK : 0);
    for (const drawn of this.drawn.values()) drawn.show(this.mode, this.software, frame, this.picture);
    this.gl.render(this.scene, this.camera);
  }

  private fit(width: number, height: number): void {
    const shown = this.canvas.clientWidth * Math.min(devicePixelRatio, 2) || width;
    const wide = Math.round(this.software ? Math.min(SOFTWARE_WIDTH, shown) : Math.min(1600, shown));
    const high = Math.round((wide * height) / width);
    if (this.canvas.width !== wide || this.canvas.height !== high) this.gl!.setSize(wide, high, false);
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
