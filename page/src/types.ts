// What the server sends. Blocks and views are Slack's own objects: https://docs.slack.dev/reference/block-kit

export type Text = { type: "mrkdwn" | "plain_text"; text: string; verbatim?: boolean };
export type Option = { text: Text; value: string; description?: Text };
export type Confirm = { title: Text; text: Text; confirm: Text; deny: Text; style?: string };

export type Element = {
  type: string;
  action_id: string;
  text?: Text;
  value?: string;
  url?: string;
  style?: string;
  confirm?: Confirm;
  accessibility_label?: string;
  placeholder?: Text;
  options?: Option[];
  option_groups?: { label: Text; options: Option[] }[];
  initial_option?: Option;
  initial_options?: Option[];
  initial_value?: string;
  initial_date?: string;
  initial_time?: string;
  initial_user?: string;
  initial_users?: string[];
  initial_channel?: string;
  initial_conversation?: string;
  multiline?: boolean;
  min_length?: number;
  max_length?: number;
  min_query_length?: number;
  positive_button?: Option & { accessibility_label?: string };
  negative_button?: Option & { accessibility_label?: string };
};

export type Block = {
  type: string;
  block_id: string;
  elements?: Element[];
  accessory?: Element;
  element?: Element;
  label?: Text;
  hint?: Text;
  optional?: boolean;
  dispatch_action?: boolean;
  text?: Text;
  fields?: Text[];
};

export type File = { id: string; name: string; title: string; content: string };

export type Message = {
  ts: string;
  user: string;
  name?: string;
  text: string;
  blocks?: Block[];
  attachments?: { blocks?: Block[]; text?: string; fallback?: string }[];
  thread_ts?: string;
  reply_count?: number;
  only_for?: string;
  bot_id?: string;
  edited?: object;
  streaming?: boolean;
  files?: File[];
  reactions?: { name: string; count: number }[];
};

export type Channel = { id: string; name: string; kind: "channel" | "group" | "im"; topic: string; messages: Message[] };

export type View = {
  id: string;
  type: "modal" | "home";
  title?: Text;
  submit?: Text;
  close?: Text;
  blocks: Block[];
  hash: string;
};

export type User = { name: string; real_name: string; title: string; is_bot: boolean };

export type State = {
  version: number;
  team: string;
  bot: string;
  people: string[];
  users: Record<string, User>;
  channels: Channel[];
  modals: View[];
  home: View | null;
  statuses: { channel: string; thread: string; status?: string; working?: boolean; prompts?: { title: string; message: string }[] }[];
  examples: { title: string; channel: string; text: string }[];
  shortcuts: { callback_id: string; name: string }[];
  commands: { command: string; description: string; usage_hint: string }[];
};

// What was chosen in an element, in the fields that Slack gives it.
export type Picked = Record<string, unknown>;
export type Values = Record<string, Record<string, Picked & { type: string }>>;
export type Where = { view: string } | { channel: string; ts: string };

export type MergeRequest = {
  number: number;
  title: string;
  url: string;
  state: "opened" | "merged" | "closed";
  source: string;
  target: string;
  author: string;
  head: string;
  merged_commit: string | null;
  labels: string[];
  reviewers: string[];
  approvals: string[];
  notes: { by: string; at: string; text: string }[];
  body: string;
  files: { path: string; diff: string }[];
};
export type Listed = Pick<MergeRequest, "number" | "title" | "url" | "state" | "author">;
