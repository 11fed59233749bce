// The workspace: who one is, where one looks, and what stands there.
import { useEffect, useMemo, useRef, useState } from "react";
import { Blocks } from "./Blocks";
import { Conversation, Thread } from "./Channel";
import { Filled } from "./Form";
import { MergeRequests, OneMergeRequest } from "./MergeRequest";
import { Face } from "./Message";
import { Modal } from "./Modal";
import { usePlace, type Place } from "./place";
import { act as send, useWorkspace } from "./server";
import type { Channel, State } from "./types";
import { WorldContext } from "./world";

const REQUESTER = "UDANA";

export function App() {
  const { person, place: at, go: visit, be: become } = usePlace(REQUESTER);
  const [state, away] = useWorkspace(person);
  const [menu, setMenu] = useState(false);
  const [seen, setSeen] = useState<Record<string, string>>(() => JSON.parse(sessionStorage.getItem("seen") ?? "{}") as Record<string, string>);
  const main = useRef<HTMLElement>(null);
  // What somebody can't see, as a channel of others, is as good as nothing said.
  const known = at && (at.at !== "channel" || state?.channels.some((each) => each.id === at.id));
  const place: Place = known ? at : { at: "channel", id: state?.channels[0]?.id ?? "" };

  const go = (next: Place) => {
    visit(next);
    if (menu) main.current?.querySelector<HTMLElement>("h1")?.focus();
    setMenu(false);
  };
  const closeThread = (id: string, ts: string) => {
    go({ at: "channel", id });
    // Only then is the channel there again on a narrow screen.
    setTimeout(() => document.querySelector<HTMLElement>(`main [id="message-${ts}"] .tools button`)?.focus());
  };
  const be = (next: string) => {
    become(next);
    setMenu(false);
  };
  const world = useMemo(
    () =>
      state && {
        state,
        person,
        act: (what: string, fields: Record<string, unknown>) => send(person, what, fields),
        openMergeRequest: (url: string) => go({ at: "request", url }),
        openThread: (id: string, ts: string) => go({ at: "channel", id, thread: ts }),
      },
    [state, person],
  );
  const channel = place.at === "channel" ? state?.channels.find((each) => each.id === place.id) : undefined;
  const last = channel?.messages.at(-1)?.ts;
  useEffect(() => {
    if (channel && last) setSeen((before) => ({ ...before, [`${person} ${channel.id}`]: last }));
  }, [channel?.id, last, person]);
  useEffect(() => sessionStorage.setItem("seen", JSON.stringify(seen)), [seen]);

  useEffect(() => {
    if (place.at === "home") void send(person, "home", {});
  }, [place.at, person]);

  const title = place.at === "channel" ? named(channel) : place.at === "home" ? "Postern’s home" : place.at === "requests" ? "Merge requests" : "Merge request";
  useEffect(() => {
    document.title = `${title} · Postern`;
  }, [title]);

  // As in Slack, a page that is loaded anew has left its modals behind.
  const left = useRef(false);
  useEffect(() => {
    if (!state || left.current) return;
    left.current = true;
    for (const view of state.modals) void send(person, "close", { view: view.id });
  }, [state, person]);

  if (!state || !world) return <p className="loading">{away || "Opening the workspace…"}</p>;
  const unread = (each: Channel) => each.messages.filter((said) => said.user !== person && said.ts > (seen[`${person} ${each.id}`] ?? "")).length;
  const thread = place.at === "channel" && channel && place.thread ? place.thread : undefined;
  const modal = state.modals.at(-1);
  const isAt = (next: Place) => JSON.stringify({ ...next, thread: undefined }) === JSON.stringify({ ...place, thread: undefined });
  const item = (next: Place, name: string, count = 0) => (
    <li key={name}>
      <button type="button" aria-current={isAt(next) ? "page" : undefined} onClick={() => go(next)}>
        {name}
        {count > 0 && <span className="count" aria-label={`${count} new`}>{count}</span>}
      </button>
    </li>
  );

  return (
    <WorldContext value={world}>
      <div className={`workspace ${menu ? "menu-open" : ""} ${thread ? "thread-open" : ""} person-${state.people.indexOf(person)}`}>
        <a className="skip" href="#messages" onClick={(event) => {
          event.preventDefault();
          main.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
        }}>
          Skip to what is said
        </a>
        <nav className="side" aria-label="Workspace">
          <div className="team">
            <img src="/assets/icon.svg" alt="" width="28" height="28" /> <b>{state.team}</b>
          </div>
          <div className="who" role="group" aria-label="You are">
            {state.people.map((id) => (
              <button key={id} type="button" aria-pressed={id === person} onClick={() => be(id)}>
                <Face id={id} name={state.users[id]?.real_name ?? id} />
                <span>
                  <b>{state.users[id]?.real_name}</b>
                  <small>{state.users[id]?.title}</small>
                </span>
              </button>
            ))}
          </div>
          <h2>Channels</h2>
          <ul>{state.channels.filter((each) => each.kind !== "im").map((each) => item({ at: "channel", id: each.id }, named(each), unread(each)))}</ul>
          <h2>Apps</h2>
          <ul>
            {state.channels.filter((each) => each.kind === "im").map((each) => item({ at: "channel", id: each.id }, "Postern", unread(each)))}
            {item({ at: "home" }, "Home")}
          </ul>
          <h2>Forge</h2>
          <ul>{item({ at: "requests" }, "Merge requests")}</ul>
        </nav>
        <main ref={main}>
          <header className="top">
            <button type="button" className="icon menu" aria-label="Menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
              ☰
            </button>
            <h1 tabIndex={-1}>{title}</h1>
            {channel?.topic && <p className="quiet">{channel.topic}</p>}
          </header>
          {away && <p className="error" role="alert">{away}</p>}
          {place.at === "channel" && channel && <Conversation channel={channel} openThread={(ts) => go({ ...place, id: channel.id, thread: ts })} />}
          {place.at === "home" && <Home state={state} />}
          {place.at === "requests" && <MergeRequests open={(url) => go({ at: "request", url })} />}
          {place.at === "request" && <OneMergeRequest url={place.url} />}
        </main>
        {thread && channel && <Thread channel={channel} ts={thread} close={() => closeThread(channel.id, thread)} />}
        {modal && <Modal key={modal.id} view={modal} />}
        <Announced state={state} person={person} />
      </div>
    </WorldContext>
  );
}

const named = (channel?: Channel) => (!channel ? "" : channel.kind === "im" ? "Postern" : channel.kind === "group" ? `🔒 ${channel.name}` : `# ${channel.name}`);

function Home({ state }: { state: State }) {
  if (!state.home) return <p className="sheet">Nothing was published here yet.</p>;
  return (
    <div className="sheet" tabIndex={0} role="region" aria-label="Home">
      <Filled where={{ view: state.home.id }} blocks={state.home.blocks}>
        <Blocks blocks={state.home.blocks} />
      </Filled>
    </div>
  );
}

/** What others said since the last look, for people who don't see it appear. */
function Announced({ state, person }: { state: State; person: string }) {
  const all = state.channels.flatMap((each) => each.messages.map((message) => ({ message, channel: each })));
  const newest = all.reduce((best, each) => (each.message.ts > (best?.message.ts ?? "") ? each : best), all[0]);
  const from = newest && (newest.message.name ?? state.users[newest.message.user]?.real_name);
  return (
    <p className="visually-hidden" role="status" aria-live="polite">
      {newest && newest.message.user !== person ? `${from} in ${newest.channel.name}: ${newest.message.text.slice(0, 300)}` : ""}
    </p>
  );
}
