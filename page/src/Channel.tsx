// A conversation and its composer: a whole channel, or one thread of it.
import { useEffect, useRef, useState } from "react";
import { OneMessage } from "./Message";
import type { Channel, Message } from "./types";
import { useWorld } from "./world";

type Given = { channel: Channel; openThread: (ts: string) => void };

export function Conversation({ channel, openThread }: Given) {
  const { state, act } = useWorld();
  const tops = channel.messages.filter((each) => !each.thread_ts || each.thread_ts === each.ts);
  const examples = state.examples.filter((each) => each.channel === channel.id);
  const [draft, setDraft] = useState("");
  const say = async (text: string) => {
    const done = await act("say", { channel: channel.id, text });
    const forBot = channel.kind === "im" || text.includes(`@${state.users[state.bot]?.real_name}`);
    if (done.ts && forBot && !text.startsWith("/")) openThread(done.ts);
    return done.error;
  };
  return (
    <>
      <Messages messages={tops} channel={channel} openThread={openThread} name={`Messages in ${channel.name}`} />
      {examples.length > 0 && <Examples examples={examples} take={setDraft} open={tops.every((each) => each.user !== state.people[0])} />}
      <Composer key={channel.id} label={`Message ${channel.kind === "im" ? "Postern" : `#${channel.name}`}`} say={say} draft={draft} setDraft={setDraft} />
    </>
  );
}

export function Thread({ channel, ts, close }: { channel: Channel; ts: string; close: () => void }) {
  const { state, act } = useWorld();
  const [draft, setDraft] = useState("");
  const said = channel.messages.filter((each) => each.ts === ts || each.thread_ts === ts);
  const note = state.statuses.find((each) => each.channel === channel.id && each.thread === ts);
  const say = async (text: string) => (await act("say", { channel: channel.id, text, thread: ts })).error;
  return (
    <section className="thread" aria-label="Thread" onKeyDown={(event) => event.key === "Escape" && !event.defaultPrevented && close()}>
      <header className="top">
        <h2>
          Thread <span className="quiet">{channel.kind === "im" ? channel.name : `#${channel.name}`}</span>
        </h2>
        <button type="button" className="icon" aria-label="Close thread" onClick={close}>
          ×
        </button>
      </header>
      <Messages messages={said} channel={channel} name="Messages in the thread" />
      {(note?.status || note?.working) && (
        <p className="status">
          Postern {note.status || "is working on it…"}{" "}
          {note.working && (
            <button type="button" className="button" onClick={() => void act("stop", { channel: channel.id, thread: ts })}>
              Stop
            </button>
          )}
        </p>
      )}
      {note?.prompts && (
        <div className="prompts">
          {note.prompts.map((each) => (
            <button key={each.title} type="button" className="button" onClick={() => void say(each.message)}>
              {each.title}
            </button>
          ))}
        </div>
      )}
      <Composer key={ts} label="Reply" say={say} draft={draft} setDraft={setDraft} focus />
    </section>
  );
}

type MessagesGiven = { messages: Message[]; channel: Channel; openThread?: (ts: string) => void; name: string };

function Messages({ messages, channel, openThread, name }: MessagesGiven) {
  const end = useRef<HTMLDivElement>(null);
  const last = messages.at(-1)?.ts;
  useEffect(() => {
    const list = end.current?.parentElement;
    const newest = end.current?.previousElementSibling;
    // A long answer is read from its beginning: its first line must not leave above.
    if (list && newest) list.scrollTop = Math.min(list.scrollHeight, (newest as HTMLElement).offsetTop - list.offsetTop - 12);
  }, [last, channel.id]);
  return (
    <div className="messages" role="log" aria-live="off" aria-label={name} tabIndex={0}>
      {messages.map((each) => (
        <OneMessage key={each.ts} message={each} channel={channel} openThread={openThread} />
      ))}
      <div ref={end} />
    </div>
  );
}

type ExamplesGiven = { examples: { title: string; text: string }[]; take: (text: string) => void; open: boolean };

function Examples({ examples, take, open }: ExamplesGiven) {
  return (
    <details className="examples" open={open}>
      <summary>Try one of these</summary>
      <p className="quiet">
        Send it and press <b>Draft</b>; open the change with a reason. Then be the other one of the two, read the card and approve.
      </p>
      <ul>
        {examples.map((each) => (
          <li key={each.title}>
            <button type="button" className="example" onClick={() => take(each.text)}>
              <b>{each.title}</b>
              <span>{each.text}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

type ComposerGiven = {
  label: string;
  say: (text: string) => Promise<string | undefined>;
  draft: string;
  setDraft: (text: string) => void;
  focus?: boolean;
};

function Composer({ label, say, draft, setDraft, focus }: ComposerGiven) {
  const { state } = useWorld();
  const field = useRef<HTMLTextAreaElement>(null);
  const [failed, setFailed] = useState("");
  useEffect(() => {
    if (focus || draft) field.current?.focus();
  }, [focus, draft.length > 0]);
  const send = async () => {
    const text = draft.trim();
    if (!text) return;
    setDraft("");
    setFailed((await say(text)) ?? "");
  };
  const commands = draft.startsWith("/") && !draft.includes(" ") ? state.commands : [];
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {commands.map((each) => (
        <button key={each.command} type="button" className="command" onClick={() => setDraft(`${each.command} `)}>
          <b>{each.command}</b> {each.usage_hint} <span className="quiet">{each.description}</span>
        </button>
      ))}
      {failed && (
        <p className="error" role="alert">
          Not sent ({failed}).
        </p>
      )}
      <div className="row">
        <textarea
          ref={field}
          rows={Math.min(6, Math.max(1, draft.split("\n").length))}
          aria-label={label}
          placeholder={label}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              void send();
            }
          }}
        />
        <button type="submit" className="button primary" disabled={!draft.trim()}>
          Send
        </button>
      </div>
    </form>
  );
}
