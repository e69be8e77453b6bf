// The mesh in 3D, to turn while it moves.

import { BufferGeometry, CanvasTexture, type DirectionalLight, Group, Mesh, MeshBasicMaterial, MeshLambertMaterial, PerspectiveCamera, Scene, SRGBColorSpace } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Avatar } from "./avatar";
import type { FaceShape, Faces } from "./faces";
import { lights, renderer, software } from "./gl";
import type { Frame } from "./protocol";
import { Clay } from "./sketch";

const APART_MM = 230; // between several heads
const SOFTWARE_PX = 360;
const SOFTWARE_MS = 100; // between two drawings by WebGL without a GPU

export class Turntable {
  textured = false;
  avatar: Avatar | null = null;
  readonly heads = new Map<number, Mesh>(); // tests read their vertices
  private readonly scene = new Scene();
  private readonly stand = new Group();
  private readonly lights = lights();
  private readonly camera = new PerspectiveCamera(24, 1, 10, 10000);
  private readonly clay: Clay | null; // where there is no GPU
  private readonly stage: HTMLCanvasElement; // of WebGL
  private readonly gl: ReturnType<typeof renderer>;
  private drawnAt = 0;
  private readonly controls: OrbitControls;
  private readonly texture: CanvasTexture;
  private readonly matt = new MeshLambertMaterial({ vertexColors: true });
  private readonly skin: MeshBasicMaterial;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly faces: Faces,
    private readonly picture: HTMLCanvasElement,
  ) {
    this.clay = software ? new Clay(canvas) : null;
    this.stage = software ? document.createElement("canvas") : canvas;
    this.gl = renderer(this.stage);
    this.texture = new CanvasTexture(picture);
    this.texture.colorSpace = SRGBColorSpace;
    this.texture.generateMipmaps = false;
    this.skin = new MeshBasicMaterial({ map: this.texture });
    this.scene.add(this.stand);
    this.camera.add(this.lights); // what is looked at is lit
    this.scene.add(this.camera);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enablePan = false;
    this.controls.minDistance = 350;
    this.controls.maxDistance = 3000;
    this.controls.listenToKeyEvents(canvas);
    this.front();
    faces.onChange.push(() => this.take());
  }

  /** Look from in front again. */
  front(): void {
    this.camera.position.set(0, 0, 780);
    this.controls.target.set(0, -12, -40);
    this.controls.update();
  }

  turn(degrees: number): void {
    const [x, z] = [this.camera.position.x, this.camera.position.z + 40];
    const angle = (degrees * Math.PI) / 180;
    this.camera.position.x = x * Math.cos(angle) + z * Math.sin(angle);
    this.camera.position.z = z * Math.cos(angle) - x * Math.sin(angle) - 40;
    this.controls.update();
  }

  /** Where the light comes from, in degrees from the front: relief shows when it comes from the side. */
  set light(degrees: number) {
    this.lights.rotation.y = (degrees * Math.PI) / 180;
  }

  private take(): void {
    for (const head of this.heads.values()) this.stand.remove(head);
    this.heads.clear();
    let place = 0;
    for (const [id, shape] of this.faces.shapes) {
      const head = new Mesh(clayed(shape), this.matt);
      head.matrixAutoUpdate = false;
      head.frustumCulled = false;
      head.userData.x = (place++ - (this.faces.shapes.size - 1) / 2) * APART_MM;
      this.heads.set(id, head);
      this.stand.add(head);
    }
    this.camera.zoom = 1 / Math.max(1, this.faces.shapes.size * 0.72);
    this.camera.updateProjectionMatrix();
  }

  /** Show an avatar instead of the mesh, or the mesh again. */
  wear(avatar: Avatar | null): void {
    if (this.avatar) this.scene.remove(this.avatar.group);
    this.avatar?.dispose();
    this.avatar = avatar;
    if (avatar) this.scene.add(avatar.group);
    this.stand.visible = avatar === null;
  }

  /** Whether this browser can draw what is asked for. */
  get works(): boolean {
    return this.sketched || this.gl() !== null;
  }

  private get sketched(): boolean {
    return this.clay !== null && this.avatar === null && !this.textured;
  }

  /** A frame after the other; what is drawn by WebGL without a GPU skips some. */
  follow(frame: Frame): void {
    this.move();
    if (!software || this.sketched || performance.now() - this.drawnAt >= SOFTWARE_MS) this.show(frame);
  }

  draw(frame: Frame | null): void {
    this.move();
    this.show(frame);
  }

  private move(): void {
    const first = this.faces.shapes.values().next().value;
    if (this.avatar && first) this.avatar.move(first, this.faces.topology!.weights);
    for (const [id, head] of this.heads) {
      head.matrix.copy(this.faces.shapes.get(id)!.turned);
      head.matrix.elements[12] = head.userData.x as number;
      head.matrixWorldNeedsUpdate = true;
    }
  }

  private show(frame: Frame | null): void {
    if (!this.canvas.clientWidth) return;
    this.drawnAt = performance.now();
    const [width, height] = this.fit();
    const sized = ({ width: w, height: h }: HTMLCanvasElement) => w === width && h === height;
    if (this.clay && !sized(this.canvas)) Object.assign(this.canvas, { width, height });
    if (this.sketched) {
      this.camera.updateMatrixWorld();
      this.clay!.draw(this.heads.values(), this.camera, this.lights.children[0] as DirectionalLight);
      return;
    }
    const gl = this.gl();
    if (!gl) return;
    if (!sized(this.stage)) gl.setSize(width, height, false);
    const skin = this.textured && frame !== null && this.picture.width > 0;
    if (skin) this.texture.needsUpdate = true;
    for (const [id, head] of this.heads) {
      head.material = skin ? this.skin : this.matt;
      if (skin) this.faces.shapes.get(id)!.layOver(frame!);
    }
    gl.render(this.scene, this.camera);
    this.clay?.copy(this.stage);
  }

  /** The drawing's size in pixels. */
  private fit(): [number, number] {
    const { clientWidth, clientHeight } = this.canvas;
    const side = Math.round(Math.min(software ? SOFTWARE_PX : 900, clientWidth * Math.min(devicePixelRatio, 2)));
    const tall = Math.round((side * clientHeight) / clientWidth);
    if (this.camera.aspect !== side / tall) {
      this.camera.aspect = side / tall;
      this.camera.updateProjectionMatrix();
    }
    return [side, tall];
  }
}

/** The same vertices with a sculptor's colours. */
function clayed(shape: FaceShape) {
  const geometry = new BufferGeometry();
  for (const name of ["position", "normal", "uv"]) geometry.setAttribute(name, shape.geometry.getAttribute(name));
  geometry.setAttribute("color", shape.geometry.getAttribute("clay"));
  geometry.setIndex(shape.geometry.getIndex());
  return geometry;
}
