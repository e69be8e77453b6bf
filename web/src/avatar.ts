// A head that is moved by ARKit's 52 weights: our own, or a GLB or VRM that somebody drops onto the page.

import { Box3, Group, Matrix4, type Mesh, type Object3D, Vector3 } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import type { FaceShape } from "./faces";
import type { Puppet } from "./vrm";

const OWN_SCALE = 1000; // our files are in metres, the view is in mm
const TALL_MM = 330; // of a head, whatever its own size is
const FLIP = new Matrix4().makeScale(1, -1, -1);

export class Avatar {
  readonly group = new Group();
  readonly meshes: Mesh[] = []; // those with shapes; tests read their influences
  private readonly named: Mesh[]; // those whose shapes have ARKit's names
  private readonly inner = new Matrix4();
  private readonly turned = new Matrix4();
  private rests = false;

  private constructor(
    scene: Object3D,
    names: string[],
    own: boolean,
    private readonly puppet: Puppet | null,
  ) {
    scene.traverse((part) => {
      if ((part as Mesh).morphTargetDictionary) this.meshes.push(part as Mesh);
      part.frustumCulled = false;
    });
    this.named = puppet?.hasArkit ? [] : this.meshes.filter((mesh) => names.some((name) => name in mesh.morphTargetDictionary!));
    if (own) this.inner.makeScale(OWN_SCALE, OWN_SCALE, OWN_SCALE);
    else {
      const box = puppet?.head() ?? new Box3().setFromObject(scene);
      const scale = TALL_MM / Math.max(box.getSize(new Vector3()).y, 1e-6);
      const middle = box.getCenter(new Vector3()).multiplyScalar(-scale);
      this.inner.makeTranslation(middle.x, middle.y, middle.z).scale(new Vector3(scale, scale, scale));
    }
    this.group.matrixAutoUpdate = false;
    this.group.add(scene);
  }

  static async own(names: string[]): Promise<Avatar> {
    const answer = await fetch("head.glb");
    if (!answer.ok) throw new Error(await answer.text());
    const { scene } = await new GLTFLoader().parseAsync(await answer.arrayBuffer(), "");
    return new Avatar(scene, names, true, null);
  }

  /** A head that does not move: of a picture. */
  static async still(address: string): Promise<Avatar> {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(await answer.text());
    const { scene } = await new GLTFLoader().parseAsync(await answer.arrayBuffer(), "");
    const avatar = new Avatar(scene, [], true, null);
    avatar.group.matrix.copy(avatar.inner);
    avatar.rests = true;
    return avatar;
  }

  static async read(data: ArrayBuffer, names: string[]): Promise<Avatar> {
    const { accept, Puppet } = await import("./vrm");
    const loader = new GLTFLoader();
    accept(loader);
    const gltf = await loader.parseAsync(data, "");
    const avatar = new Avatar(gltf.scene, names, false, Puppet.of(gltf, names));
    if (!avatar.named.length && !avatar.puppet) {
      throw new Error("This file has no shapes with ARKit's names (jawOpen, eyeBlinkLeft, ...) and no VRM expressions: choose another avatar.");
    }
    return avatar;
  }

  /** Free what lies on the GPU. */
  dispose(): void {
    this.group.traverse((part) => {
      const { geometry, material } = part as Mesh;
      geometry?.dispose();
      for (const one of [material ?? []].flat()) one.dispose();
    });
  }

  move(shape: FaceShape, names: string[]): void {
    if (this.rests) return;
    this.turned.copy(shape.turned).multiply(FLIP);
    if (this.puppet) {
      this.group.matrix.copy(this.inner); // the body stays, the head turns
      this.puppet.move(this.turned, names, shape.face.weights, !this.named.length);
    } else this.group.matrix.copy(this.turned).multiply(this.inner);
    this.group.matrixWorldNeedsUpdate = true;
    for (const { morphTargetDictionary: places, morphTargetInfluences: influences } of this.named) {
      names.forEach((name, k) => {
        const place = places![name];
        if (place !== undefined) influences![place] = shape.face.weights[k] ?? 0;
      });
    }
  }
}
