// A VRM avatar, of version 0 or 1: its expressions, head and eyes moved by ARKit's 52 weights. Loaded when one is opened.

import { type VRM, VRMExpressionPresetName as Preset, VRMLoaderPlugin, VRMUtils } from "@pixiv/three-vrm";
import { Box3, type Matrix4, Quaternion, Vector3 } from "three";
import type { GLTF, GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const CHIN = 0.4; // how far below the joint of head and neck, of the height above it
const EYE_DEG = 30; // that a weight of 1 turns the eyes
const LONGEST_S = 0.1; // between two steps of what swings

export function accept(loader: GLTFLoader): void {
  loader.register((parser) => new VRMLoaderPlugin(parser));
}

export class Puppet {
  private readonly known: [expression: string, weight: number][]; // those with ARKit's names, and which of the 52 each is
  private readonly sees: boolean; // whether expressions move the eyes
  private readonly turn = new Quaternion();
  private last = performance.now();

  private constructor(
    private readonly vrm: VRM,
    names: string[],
  ) {
    const own = new Map(vrm.expressionManager?.expressions.map(({ expressionName: name }) => [name.toLowerCase(), name]));
    this.known = names.flatMap((name, k) => (own.has(name.toLowerCase()) ? [[own.get(name.toLowerCase())!, k] as [string, number]] : []));
    this.sees = own.has("eyelookinleft");
    VRMUtils.rotateVRM0(vrm); // which looks the other way
  }

  /** Of a file, or null where it is no VRM, or one without a face that moves. */
  static of(gltf: GLTF, names: string[]): Puppet | null {
    const vrm = gltf.userData.vrm as VRM | undefined;
    return vrm?.expressionManager?.expressions.length ? new Puppet(vrm, names) : null;
  }

  get hasArkit(): boolean {
    return this.known.length > 0;
  }

  /** Where the head is, for the camera: from the joint upwards, and the chin below it. */
  head(): Box3 {
    const scene = this.vrm.scene;
    scene.updateMatrixWorld(true);
    const box = new Box3().setFromObject(scene);
    const joint = this.vrm.humanoid.getRawBoneNode("head")?.getWorldPosition(new Vector3());
    if (joint && box.max.y - joint.y > 0.02 * box.getSize(new Vector3()).y) {
      const half = (box.max.y - joint.y) / 2;
      box.min.set(joint.x - half, joint.y - 2 * half * CHIN, joint.z - half);
      box.max.set(joint.x + half, box.max.y, joint.z + half);
    }
    return box;
  }

  /** `turned` is the head's rotation in axes of three.js, `names` the weights' names. */
  move(turned: Matrix4, names: string[], weights: number[], drives: boolean): void {
    const { expressionManager: expressions, humanoid, lookAt, meta } = this.vrm;
    const weight = (name: string) => weights[names.indexOf(name)] ?? 0;
    if (drives) {
      for (const [name, k] of this.known) expressions!.setValue(name, weights[k] ?? 0);
      if (!this.hasArkit) for (const [name, value] of presets(weight)) expressions!.setValue(name, value);
    }
    this.turn.setFromRotationMatrix(turned);
    if (meta.metaVersion === "0") this.turn.set(-this.turn.x, this.turn.y, -this.turn.z, this.turn.w);
    humanoid.getNormalizedBoneNode("head")?.quaternion.copy(this.turn);
    if (lookAt && !this.sees) {
      const left = (weight("eyeLookOutLeft") - weight("eyeLookInLeft") + weight("eyeLookInRight") - weight("eyeLookOutRight")) / 2;
      const down = (weight("eyeLookDownLeft") - weight("eyeLookUpLeft") + weight("eyeLookDownRight") - weight("eyeLookUpRight")) / 2;
      lookAt.yaw = EYE_DEG * left;
      lookAt.pitch = EYE_DEG * down;
    }
    const now = performance.now();
    this.vrm.update(Math.min((now - this.last) / 1000, LONGEST_S));
    this.last = now;
  }
}

/** Vowels and blinks for avatars without the 52, as `--send vmc://` has them. */
function presets(weight: (name: string) => number): [string, number][] {
  const mean = (name: string) => (weight(`${name}Left`) + weight(`${name}Right`)) / 2;
  const round = Math.max(weight("mouthFunnel"), weight("mouthPucker"));
  const wide = Math.max(mean("mouthStretch"), mean("mouthSmile"));
  const open = Math.max(weight("jawOpen") - weight("mouthClose"), 0);
  return [
    [Preset.Aa, open * (1 - round) * (1 - wide)],
    [Preset.Ih, (1 - open) * mean("mouthStretch")],
    [Preset.Ou, (1 - open) * round],
    [Preset.Ee, open * wide * (1 - round)],
    [Preset.Oh, open * round],
    [Preset.BlinkLeft, weight("eyeBlinkLeft")],
    [Preset.BlinkRight, weight("eyeBlinkRight")],
  ];
}
