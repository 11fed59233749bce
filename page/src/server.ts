// Everything that this page asks of its server. The key stands in the address's fragment, which no browser sends.
import { useEffect, useState } from "react";
import { KEY } from "./place";
import type { Listed, MergeRequest, State } from "./types";

async function ask<T>(path: string, given: RequestInit = {}): Promise<T> {
  const answer = await fetch(path, { ...given, headers: { "X-Postern-Key": KEY, "Content-Type": "application/json" } });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as T;
}

export type Done = { error?: string; errors?: Record<string, string>; ts?: string; options?: never[] };

export type Deed = (what: string, fields: Record<string, unknown>) => Promise<Done>;

export function act(person: string, what: string, fields: Record<string, unknown>): Promise<Done> {
  return ask<Done>("/ui/act", { method: "POST", body: JSON.stringify({ ...fields, do: what, as: person }) }).catch(
    (failure: Error) => ({ error: failure.message }),
  );
}

export const mergeRequests = () => ask<Listed[]>("/ui/merge_requests");
export const mergeRequest = (url: string) => ask<MergeRequest>(`/ui/merge_request?url=${encodeURIComponent(url)}`);

/** What `person` sees, kept up to date; and whether the server is away, in words. */
export function useWorkspace(person: string): [State | null, string] {
  const [state, setState] = useState<State | null>(null);
  const [away, setAway] = useState("");
  useEffect(() => {
    const stopped = new AbortController();
    const follow = async () => {
      let since = -1;
      while (!stopped.signal.aborted) {
        try {
          const seen = await ask<State>(`/ui/state?as=${person}&since=${since}`, { signal: stopped.signal });
          if (seen.version !== since) setState(seen);
          since = seen.version;
          setAway("");
        } catch (failure) {
          if (stopped.signal.aborted) return;
          setAway(failure instanceof TypeError ? "The server is gone. Start `make demo` again." : String(failure));
          since = -1;
          await new Promise((wake) => setTimeout(wake, 2000));
        }
      }
    };
    void follow();
    return () => stopped.abort();
  }, [person]);
  return [state, away];
}
