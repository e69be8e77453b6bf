// A head that is moved by ARKit's 52 weights: our own, or a GLB that somebody drops onto the page.

import { Box3, Group, Matrix4, type Mesh, type Object3D, Vector3 } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import type { FaceShape } from "./faces";

const OWN_SCALE = 1000; // our files are in metres, the view is in mm
const TALL_MM = 330; // of a head, whatever its own size is
const FLIP = new Matrix4().makeScale(1, -1, -1);

export class Avatar {
  readonly group = new Group();
  readonly meshes: Mesh[] = []; // those with ARKit's shapes; tests read their influences
  private readonly inner = new Matrix4();

  private constructor(scene: Object3D, names: string[], own: boolean) {
    scene.traverse((part) => {
      const mesh = part as Mesh;
      if (mesh.morphTargetDictionary && names.some((name) => name in mesh.morphTargetDictionary!)) this.meshes.push(mesh);
      part.frustumCulled = false;
    });
    if (own) this.inner.makeScale(OWN_SCALE, OWN_SCALE, OWN_SCALE);
    else {
      const box = new Box3().setFromObject(scene);
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
    return Avatar.read(await answer.arrayBuffer(), names, true);
  }

  static async read(data: ArrayBuffer, names: string[], own = false): Promise<Avatar> {
    const { scene } = await new GLTFLoader().parseAsync(data, "");
    const avatar = new Avatar(scene, names, own);
    if (!avatar.meshes.length) throw new Error("This file has no shapes with ARKit's names (jawOpen, eyeBlinkLeft, ...): choose another avatar.");
    return avatar;
  }

  move(shape: FaceShape, names: string[]): void {
    this.group.matrix.copy(shape.turned).multiply(FLIP).multiply(this.inner);
    this.group.matrixWorldNeedsUpdate = true;
    for (const { morphTargetDictionary: places, morphTargetInfluences: influences } of this.meshes) {
      names.forEach((name, k) => {
        const place = places![name];
        if (place !== undefined) influences![place] = shape.face.weights[k] ?? 0;
      });
    }
  }
}
