// WebGL: whether a GPU does its work, its renderer and its lights.

import { AmbientLight, DirectionalLight, Group, WebGLRenderer } from "three";
import { AMBIENT, SUN } from "./painter";

/** Whether the browser has no GPU to draw with: WebGL works by software, or not at all. */
export const software = ((): boolean => {
  const probe = document.createElement("canvas").getContext("webgl2");
  if (!probe) return true;
  const about = probe.getExtension("WEBGL_debug_renderer_info");
  const name = about ? String(probe.getParameter(about.UNMASKED_RENDERER_WEBGL)) : "";
  probe.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
})();

/** A renderer, made by the first call; null where the browser has no WebGL. */
export function renderer(canvas: HTMLCanvasElement): () => WebGLRenderer | null {
  let made: WebGLRenderer | null | undefined;
  return () => {
    try {
      made ??= made === undefined ? new WebGLRenderer({ canvas, alpha: true, antialias: !software }) : null;
    } catch {
      made = null;
    }
    return made;
  };
}

export function lights(): Group {
  const group = new Group();
  const sun = new DirectionalLight(0xffffff, SUN);
  sun.position.set(0.35, 0.55, 0.76);
  group.add(sun, sun.target, new AmbientLight(0xffffff, AMBIENT)); // the target too: else what is far away is lit from there
  return group;
}
