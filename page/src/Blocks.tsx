// Block Kit: what is only read is drawn by slack-blocks-to-jsx, what is pressed or filled in by Elements.tsx.
import { Message as Drawn } from "slack-blocks-to-jsx";
import type { ComponentProps, ReactNode } from "react";
import { Action, Field } from "./Elements";
import { useForm } from "./values";
import type { Block } from "./types";
import { useWorld } from "./world";

// Slack makes links of bare addresses, where a text does not say that it is verbatim.
const BARE = /(^|[\s(])(https?:\/\/[^\s<>|)]+)/g;
// The blanks after label and address keep the renderer from taking a port and what follows it for an emoji.
const ANGLE = /<(https?:\/\/[^|>\s]+)(?:\|([^>]*))?>(\n?)/g;
const FENCE = /(```[\s\S]*?```)/;
// The renderer undoes Slack's entities before it looks for mentions and links; to Slack an escaped one is only words.
const ESCAPED = /&lt;(?=[!@#]|https?:|mailto:)/g;
const linked = (text: string, verbatim = false) =>
  (verbatim ? text : text.replace(BARE, (_, before: string, url: string) => `${before}<${url}>`))
    .replace(/```\n?([\s\S]*?)\n?```/g, "```$1```") // Slack draws no empty line for the line ends beside the fences
    .split(FENCE)
    .map((part) => (part.startsWith("```") ? part : withAnchors(part)))
    .join("")
    .replace(ESCAPED, "&lt;\u2060");
const withAnchors = (text: string) =>
  text
    .replace(ANGLE, (_, url: string, label = url, end: string) => `<${url}|${label} >${end && " \n"}`);

export function Blocks({ blocks }: { blocks: Block[] }) {
  return (
    <div className="blocks">
      {grouped(blocks).map((group) =>
        group.length > 1 || isRead(group[0]) ? <Read key={group[0]?.block_id} blocks={group} /> : group.map((block) => <One key={block.block_id} block={block} />),
      )}
    </div>
  );
}

function isRead(block?: Block): boolean {
  const acts = block?.accessory && block.accessory.type !== "image";
  return !acts && !["actions", "context_actions", "input"].includes(block?.type ?? "");
}

/** Neighbours that are only read are drawn together, as one. */
function grouped(blocks: Block[]): Block[][] {
  const groups: Block[][] = [];
  for (const block of blocks) {
    const last = groups.at(-1);
    if (last && isRead(last[0]) && isRead(block)) last.push(block);
    else groups.push([block]);
  }
  return groups;
}

function One({ block }: { block: Block }) {
  if (block.type === "actions" || block.type === "context_actions")
    return (
      <div className="actions" role="group" aria-label="Actions">
        {block.elements?.map((element) => <Action key={element.action_id} block={block.block_id} element={element} />)}
      </div>
    );
  if (block.type === "input") return <Input block={block} />;
  if (block.accessory && block.accessory.type !== "image") {
    const { accessory, ...rest } = block;
    return (
      <div className="with-accessory">
        <Read blocks={[rest]} />
        <Action block={block.block_id} element={accessory} />
      </div>
    );
  }
  return null;
}

function Input({ block }: { block: Block }) {
  const { errors } = useForm();
  const { block_id: id, element, label, hint, optional } = block;
  if (!element) return null;
  const error = errors[id];
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={`${id}-field`} id={`${id}-label`}>
        {label?.text} {optional && <span className="optional">(optional)</span>}
      </label>
      <Field block={id} element={element} required={!optional} invalid={!!error} described={described || undefined} />
      {hint && <p className="hint" id={`${id}-hint`}>{hint.text}</p>}
      {error && <p className="error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

/** Foreign text goes through the renderer alone; links open apart, and those of the local forge open here. */
export function Read({ blocks }: { blocks: Partial<Block>[] }) {
  const { state } = useWorld();
  const users = Object.entries(state.users).map(([id, user]) => ({ id, name: user.real_name }));
  const channels = state.channels.map(({ id, name }) => ({ id, name }));
  const drawn = blocks.map(withLinks) as unknown as ComponentProps<typeof Drawn>["blocks"];
  return (
    <Drawn
      blocks={drawn}
      name=""
      logo=""
      withoutWrapper
      data={{ users, channels }}
      hooks={{
        link: ({ href, children }) => <Link href={href}>{children}</Link>,
        emoji: (emoji, parse) => drawnEmoji(emoji.name, parse(emoji)),
      }}
    />
  );
}

/** A port or a number between two colons is no emoji, and what has none of that name stays as it was written. */
function drawnEmoji(name: string, drawn: string): string {
  return drawn === name ? `:${name}:` : drawn;
}

export function Link({ href = "", children }: { href?: string; children?: ReactNode }) {
  const { openMergeRequest, openThread } = useWorld();
  const [, channel, seconds, rest] = href.match(THREAD) ?? [];
  const inside = isMergeRequest(href) ? () => openMergeRequest(href) : channel ? () => openThread(channel, `${seconds}.${rest}`) : null;
  if (inside)
    return (
      <button type="button" className="link" onClick={inside}>
        {children}
      </button>
    );
  if (!/^https?:\/\//.test(href)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

// A thread's address in Slack's client, and a message's in its archive; both are opened here.
const THREAD = /\/(?:thread\/|archives\/)([CDG]\w+)[-/]p?(\d{10})\.?(\d{6})$/;

/** Whether an address is a page of the local forge, which this page shows itself. */
export const isMergeRequest = (href: string) => href.startsWith(`${location.origin}/merge_requests/`);

function withLinks(block: Partial<Block>): Partial<Block> {
  // The renderer takes verbatim for "no markup at all"; Slack only leaves plain words alone.
  const say = <T extends { type: string; text?: unknown; verbatim?: boolean } | undefined>(text: T): T =>
    text?.type === "mrkdwn" && typeof text.text === "string" ? { ...text, text: linked(text.text, text.verbatim), verbatim: false } : text;
  return {
    ...block,
    ...(block.text && { text: say(block.text) }),
    ...(block.fields && { fields: block.fields.map(say) }),
    ...(block.type === "context" && { elements: block.elements?.map((each) => say(each as never)) }),
  };
}
