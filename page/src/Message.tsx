// One message: who, when, what, and what can be done with it.
import { useState } from "react";
import { Blocks, Read } from "./Blocks";
import { Filled } from "./Form";
import type { Block, Channel, File, Message } from "./types";
import { useWorld } from "./world";

type Given = { message: Message; channel: Channel; openThread?: (ts: string) => void };

export function OneMessage({ message, channel, openThread }: Given) {
  const { state, person } = useWorld();
  const who = state.users[message.user];
  const name = message.name ?? who?.real_name ?? message.user;
  const answers = message.reply_count ?? 0;
  return (
    <article id={`message-${message.ts}`} className={`message ${message.only_for ? "private" : ""}`} aria-label={`${name}, ${time(message.ts)}`}>
      <Face name={name} id={message.user} />
      <div className="content">
        {message.only_for && <p className="only">Only visible to you</p>}
        <header>
          <b>{name}</b>
          {(message.bot_id || who?.is_bot) && <span className="app">app</span>}
          <time dateTime={date(message.ts).toISOString()}>{time(message.ts)}</time>
          {message.edited && message.user === person && <span className="quiet">(edited)</span>}
          {!message.only_for && <More message={message} channel={channel} />}
        </header>
        <Words message={message} channel={channel} />
        {message.files?.map((file) => <Snippet key={file.id} file={file} />)}
        {message.reactions?.map((each) => (
          <span key={each.name} className="reaction">
            <Read blocks={[{ type: "context", block_id: each.name, elements: [{ type: "mrkdwn", text: `:${each.name}: ${each.count}` } as never] }]} />
          </span>
        ))}
        {!message.only_for && openThread && (
          <div className="tools">
            <button type="button" className={answers ? "answers" : "quiet"} onClick={() => openThread(message.ts)}>
              {answers ? `${answers} ${answers === 1 ? "reply" : "replies"}` : "Reply in thread"}
            </button>
          </div>
        )}
      </div>
    </article>
  );
}

/** What Slack keeps behind three dots: shortcuts on anybody's message, and one's own to change or take back. */
function More({ message, channel }: { message: Message; channel: Channel }) {
  const { state, person, act } = useWorld();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState<string | null>(null);
  const at = { channel: channel.id, ts: message.ts };
  const own = message.user === person && !message.files?.length;
  const done = (what: string, more: Record<string, string> = {}) => {
    setOpen(false);
    setText(null);
    void act(what, { ...at, ...more });
  };
  if (!own && state.shortcuts.length === 0) return null;
  if (text !== null)
    return (
      <form
        className="edit"
        onSubmit={(event) => {
          event.preventDefault();
          done("edit", { text });
        }}
      >
        <textarea aria-label="Change the message" rows={3} value={text} autoFocus onChange={(event) => setText(event.target.value)} />
        <button type="submit" className="button primary" disabled={!text.trim()}>
          Save
        </button>
        <button type="button" className="button" onClick={() => setText(null)}>
          Cancel
        </button>
      </form>
    );
  return (
    <>
      <button type="button" className="dots" aria-label="More actions" title="More actions" aria-expanded={open} onClick={() => setOpen(!open)}>
        ⋯
      </button>
      {open && (
        <span className="more">
          {state.shortcuts.map((each) => (
            <button key={each.callback_id} type="button" className="button" onClick={() => done("shortcut", { callback: each.callback_id })}>
              {each.name}
            </button>
          ))}
          {own && (
            <>
              <button type="button" className="button" onClick={() => setText(message.text)}>
                Edit
              </button>
              <button type="button" className="button" onClick={() => done("delete")}>
                Delete
              </button>
            </>
          )}
        </span>
      )}
    </>
  );
}

function Words({ message, channel }: { message: Message; channel: Channel }) {
  const { ts, text, blocks } = message;
  const plain = (said: string, id: string): Block => ({ type: "section", block_id: id, text: { type: "mrkdwn", text: said } });
  const shown = blocks?.length ? blocks : text ? [plain(text, `${ts}-text`)] : [];
  const extra = (message.attachments ?? []).map((each, number) => each.blocks ?? [plain(each.text ?? each.fallback ?? "", `${ts}-${number}`)]);
  return (
    <Filled where={{ channel: channel.id, ts }} blocks={shown}>
      <Blocks blocks={shown} />
      {extra.map((each, number) => (
        <div key={number} className="attached">
          <Blocks blocks={each} />
        </div>
      ))}
      {message.streaming && <span className="quiet">…</span>}
    </Filled>
  );
}

function Snippet({ file }: { file: File }) {
  const [whole, setWhole] = useState(false);
  const lines = file.content.split("\n");
  const short = lines.length > 8 && !whole;
  return (
    <figure className="snippet">
      <figcaption>
        {file.title} <span className="quiet">{file.name}</span>
      </figcaption>
      <pre tabIndex={0} aria-label={file.title}>
        {(short ? lines.slice(0, 8) : lines).join("\n")}
      </pre>
      {lines.length > 8 && (
        <button type="button" className="quiet" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {short ? `Show all ${lines.length} lines` : "Show less"}
        </button>
      )}
    </figure>
  );
}

export function Face({ name, id }: { name: string; id: string }) {
  const { state } = useWorld();
  if (id === state.bot) return <img className="face" src="/assets/icon.svg" alt="" />;
  const shade = [...id].reduce((sum, each) => sum + each.charCodeAt(0), 0) % 5;
  return (
    <span className={`face shade-${shade}`} aria-hidden="true">
      {name.slice(0, 1)}
    </span>
  );
}

const date = (ts: string) => new Date(Number(ts) * 1000);
const time = (ts: string) => date(ts).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
