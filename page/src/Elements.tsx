// Buttons, menus and inputs, as native controls wherever there is one: keyboards and screen readers know those.
import { useId, useState } from "react";
import { Combobox } from "./Combobox";
import { useForm } from "./values";
import type { Confirm, Element, Option, Picked } from "./types";
import { isMergeRequest } from "./Blocks";
import { useWorld } from "./world";

type Given = { block: string; element: Element };
type FieldGiven = Given & { required: boolean; invalid: boolean; described?: string };

/** An element that calls the bot at once. */
export function Action({ block, element }: Given) {
  const { press, busy } = useForm();
  const { openMergeRequest } = useWorld();
  const [asked, setAsked] = useState<(() => void) | null>(null);
  const go = (picked: Picked) => {
    if (busy) return; // not `disabled`, which would lose the focus
    if (element.url && isMergeRequest(element.url)) openMergeRequest(element.url);
    else if (element.url && /^https?:\/\//.test(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
    if (element.confirm) setAsked(() => () => void press(block, element, picked));
    else void press(block, element, picked);
  };
  return (
    <>
      <Control block={block} element={element} go={go} busy={busy} />
      {asked && element.confirm && <Confirming confirm={element.confirm} yes={asked} done={() => setAsked(null)} />}
    </>
  );
}

function Control({ block, element, go, busy }: Given & { go: (picked: Picked) => void; busy: boolean }) {
  const { set } = useForm();
  switch (element.type) {
    case "button":
    case "workflow_button":
    case "icon_button": {
      const { text, style = "", accessibility_label: label } = element;
      // A name that leaves out the visible words would break what people say to their computer.
      const named = label && text && label.toLowerCase().includes(text.text.toLowerCase()) ? label : undefined;
      return (
        <button type="button" className={`button ${style}`} aria-label={named} title={label} aria-disabled={busy || undefined} onClick={() => go({})}>
          {text?.text ?? label}
        </button>
      );
    }
    case "feedback_buttons":
      return (
        <>
          {[element.positive_button, element.negative_button].map(
            (each) =>
              each && (
                <button key={each.value} type="button" className="button" aria-disabled={busy || undefined} onClick={() => go({ value: each.value })}>
                  {each.text.text}
                </button>
              ),
          )}
        </>
      );
    case "overflow":
      return (
        <select className="button overflow" aria-label="More" value="" onChange={(event) => go({ selected_option: option(element, event.target.value) })}>
          <option value="" disabled>
            …
          </option>
          <Options element={element} />
        </select>
      );
    default:
      return (
        <Field
          block={block}
          element={element}
          required={false}
          invalid={false}
          label={element.placeholder?.text ?? element.accessibility_label ?? "Choose"}
          picked={(picked) => {
            set(block, element, picked);
            go(picked);
          }}
        />
      );
  }
}

function Confirming({ confirm, yes, done }: { confirm: Confirm; yes: () => void; done: () => void }) {
  const title = useId();
  const open = (dialog: HTMLDialogElement | null) => {
    if (dialog && !dialog.open) dialog.showModal();
  };
  return (
    <dialog ref={open} className="modal small" aria-labelledby={title} onClose={done}>
      <form method="dialog" onSubmit={(event) => (event.nativeEvent as SubmitEvent).submitter?.id === `${title}-yes` && yes()}>
        <h2 id={title}>{confirm.title.text}</h2>
        <p className="said">{confirm.text.text}</p>
        <div className="buttons">
          <button type="submit" className="button">
            {confirm.deny.text}
          </button>
          <button type="submit" id={`${title}-yes`} className={`button ${confirm.style === "danger" ? "danger" : "primary"}`} autoFocus>
            {confirm.confirm.text}
          </button>
        </div>
      </form>
    </dialog>
  );
}

const option = (element: Element, value: string): Option | null => {
  const all = [...(element.options ?? []), ...(element.option_groups ?? []).flatMap((group) => group.options)];
  const found = all.find((each) => each.value === value);
  return found ?? null;
};

function Options({ element }: { element: Element }) {
  const one = (each: Option) => (
    <option key={each.value} value={each.value}>
      {each.text.text}
    </option>
  );
  return (
    <>
      {element.options?.map(one)}
      {element.option_groups?.map((group) => (
        <optgroup key={group.label.text} label={group.label.text}>
          {group.options.map(one)}
        </optgroup>
      ))}
    </>
  );
}

/** An input of a form. `label` names it where no label stands beside it. */
export function Field({ block, element, required, invalid, described, label, picked: told }: FieldGiven & { label?: string; picked?: (picked: Picked) => void }) {
  const form = useForm();
  const { users, channels } = useWorld().state;
  const now: Picked = form.values[block]?.[element.action_id] ?? {};
  const pick = (picked: Picked) => (told ? told(picked) : form.set(block, element, picked));
  const common = {
    id: `${block}-field`,
    "aria-label": label,
    "aria-describedby": described,
    "aria-invalid": invalid || undefined,
    "aria-required": required || undefined,
  };
  const text = (kind: string) => (
    <input
      {...common}
      type={kind}
      value={String(now.value ?? "")}
      placeholder={element.placeholder?.text}
      maxLength={element.max_length}
      onChange={(event) => pick({ value: event.target.value || null })}
    />
  );
  const menu = (name: string, choices: [string, string][]) => (
    <select {...common} value={String(now[name] ?? "")} onChange={(event) => pick({ [name]: event.target.value || null })}>
      <option value="">{element.placeholder?.text ?? "Choose…"}</option>
      {choices.map(([id, shown]) => (
        <option key={id} value={id}>
          {shown}
        </option>
      ))}
    </select>
  );
  switch (element.type) {
    case "plain_text_input":
      if (!element.multiline) return text("text");
      return (
        <textarea
          {...common}
          rows={4}
          value={String(now.value ?? "")}
          placeholder={element.placeholder?.text}
          maxLength={element.max_length}
          onChange={(event) => pick({ value: event.target.value || null })}
        />
      );
    case "email_text_input":
      return text("email");
    case "url_text_input":
      return text("url");
    case "number_input":
      return text("number");
    case "datepicker":
      return <input {...common} type="date" value={String(now.selected_date ?? "")} onChange={(event) => pick({ selected_date: event.target.value || null })} />;
    case "timepicker":
      return <input {...common} type="time" value={String(now.selected_time ?? "")} onChange={(event) => pick({ selected_time: event.target.value || null })} />;
    case "static_select":
      return (
        <select
          {...common}
          value={(now.selected_option as Option | null)?.value ?? ""}
          onChange={(event) => pick({ selected_option: option(element, event.target.value) })}
        >
          <option value="">{element.placeholder?.text ?? "Choose…"}</option>
          <Options element={element} />
        </select>
      );
    case "external_select":
    case "multi_external_select":
      return <Combobox block={block} element={element} common={common} now={now} pick={pick} />;
    case "users_select":
      return menu("selected_user", Object.entries(users).map(([id, user]) => [id, user.real_name]));
    case "channels_select":
      return menu("selected_channel", channels.map((each) => [each.id, `#${each.name}`]));
    case "conversations_select":
      return menu("selected_conversation", channels.map((each) => [each.id, each.name]));
    case "checkboxes":
    case "multi_static_select":
      return <Boxes element={element} common={common} chosen={(now.selected_options as Option[]) ?? []} pick={(some) => pick({ selected_options: some })} />;
    case "radio_buttons":
      return (
        <Boxes
          element={element}
          common={common}
          single
          chosen={now.selected_option ? [now.selected_option as Option] : []}
          pick={([one]) => pick({ selected_option: one ?? null })}
        />
      );
    default:
      return <p className="hint">This page can't show “{element.type}”.</p>;
  }
}

type BoxesGiven = { element: Element; common: { id: string }; single?: boolean; chosen: Option[]; pick: (chosen: Option[]) => void };

function Boxes({ element, common, single, chosen, pick }: BoxesGiven) {
  const has = (each: Option) => chosen.some((one) => one.value === each.value);
  const toggled = (each: Option) => (has(each) ? chosen.filter((one) => one.value !== each.value) : [...chosen, each]);
  const { id, ...named } = common;
  return (
    <div {...named} id={id} role={single ? "radiogroup" : "group"} className="boxes">
      {element.options?.map((each) => (
        <label key={each.value}>
          <input type={single ? "radio" : "checkbox"} name={id} checked={has(each)} onChange={() => pick(single ? [each] : toggled(each))} />
          <span>
            {each.text.text}
            {each.description && <small>{each.description.text}</small>}
          </span>
        </label>
      ))}
    </div>
  );
}
