// Who and what the page knows, and who sits before it.
import { createContext, useContext } from "react";
import type { Deed } from "./server";
import type { State } from "./types";

export type World = { state: State; person: string; act: Deed; openMergeRequest: (url: string) => void; openThread: (channel: string, ts: string) => void };

export const WorldContext = createContext<World | null>(null);

export function useWorld(): World {
  const world = useContext(WorldContext);
  if (!world) throw new Error("nothing is known of the workspace yet");
  return world;
}
