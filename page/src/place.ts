// Where one looks stands in the address, behind the key: whoever loads the page anew is there again, and back goes back.
import { useEffect, useState } from "react";

export type Place = { at: "channel"; id: string; thread?: string } | { at: "home" } | { at: "requests" } | { at: "request"; url: string };
type Here = { person: string; place?: Place };

const [key, ...first] = location.hash.slice(1).split("/");
export const KEY = key ?? "";

/** Who one is and where each of them looks, with two ways to go on: somewhere else, or as somebody else. */
export function usePlace(usual: string) {
  const [here, setHere] = useState<Here>(() => read(first) ?? { person: sessionStorage.getItem("person") ?? usual });
  const [places, setPlaces] = useState<Record<string, Place | undefined>>({ [here.person]: here.place });
  const keep = ({ person, place }: Here) => {
    sessionStorage.setItem("person", person);
    setPlaces((before) => ({ ...before, [person]: place }));
    setHere({ person, place });
  };
  useEffect(() => {
    history.replaceState(null, "", address(here)); // so that back leads here too
    const back = () => {
      const seen = read(location.hash.slice(1).split("/").slice(1));
      if (seen) keep(seen);
    };
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const visit = (next: Here) => {
    if (address(next) !== location.hash) history.pushState(null, "", address(next));
    keep(next);
  };
  const { person } = here;
  return {
    person,
    place: places[person],
    go: (place: Place) => visit({ person, place }),
    be: (next: string) => visit({ person: next, place: places[next] }),
  };
}

const address = (here: Here) => `#${[KEY, ...written(here)].join("/")}`;

function written({ person, place }: Here): string[] {
  if (!place) return [person];
  const rest = place.at === "channel" ? [place.id, ...(place.thread ? [place.thread] : [])] : place.at === "request" ? [place.url] : [];
  return [person, place.at, ...rest].map(encodeURIComponent);
}

function read(parts: string[]): Here | null {
  const [person, at, id, thread] = parts.map(decoded);
  if (!person || !/^U\w+$/.test(person)) return null;
  if (at === "home" || at === "requests") return { person, place: { at } };
  if (at === "request" && id) return { person, place: { at, url: id } };
  if (at === "channel" && id) return { person, place: { at, id, ...(thread && { thread }) } };
  return { person };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
