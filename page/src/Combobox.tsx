// An external select: what is typed goes to the bot, which answers with options. Follows the ARIA combobox pattern.
import { useRef, useState } from "react";
import { useForm } from "./values";
import type { Element, Option, Picked } from "./types";

type Given = { block: string; element: Element; common: { id: string }; now: Picked; pick: (picked: Picked) => void };

export function Combobox({ block, element, common, now, pick }: Given) {
  const { suggest } = useForm();
  const many = element.type === "multi_external_select";
  const chosen = many ? ((now.selected_options as Option[]) ?? []) : now.selected_option ? [now.selected_option as Option] : [];
  const [typed, setTyped] = useState<string | null>(null);
  const [options, setOptions] = useState<Option[]>([]);
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const asked = useRef(0);
  const list = `${common.id}-list`;

  const look = (text: string) => {
    setTyped(text);
    clearTimeout(waiting.current);
    if (text.length < (element.min_query_length ?? 3)) {
      setOptions([]);
      return;
    }
    waiting.current = setTimeout(async () => {
      const mine = (asked.current += 1);
      const found = await suggest(block, element, text);
      if (mine !== asked.current) return;
      setOptions(found);
      setAt(0);
      setOpen(true);
    }, 150);
  };
  const take = (option: Option) => {
    const without = chosen.filter((each) => each.value !== option.value);
    pick(many ? { selected_options: [...without, option] } : { selected_option: option });
    setTyped(null);
    setOpen(false);
  };
  const clear = (option: Option) =>
    pick(many ? { selected_options: chosen.filter((each) => each !== option) } : { selected_option: null });
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) look(typed ?? "");
      else setAt((at + (event.key === "ArrowDown" ? 1 : options.length - 1)) % Math.max(options.length, 1));
    } else if (event.key === "Enter" && open && options[at]) {
      event.preventDefault();
      take(options[at]);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
    }
  };
  const shown = typed ?? (many ? "" : (chosen[0]?.text.text ?? ""));
  return (
    <div className="combobox">
      {many &&
        chosen.map((each) => (
          <button key={each.value} type="button" className="chip" aria-label={`Remove ${each.text.text}`} onClick={() => clear(each)}>
            {each.text.text} ×
          </button>
        ))}
      <input
        {...common}
        type="text"
        role="combobox"
        autoComplete="off"
        aria-expanded={open && options.length > 0}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={open && options[at] ? `${list}-${at}` : undefined}
        value={shown}
        placeholder={element.placeholder?.text}
        onFocus={() => look(typed ?? "")}
        onChange={(event) => {
          look(event.target.value);
          if (!many && chosen[0]) pick({ selected_option: null });
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setTimeout(() => setOpen(false), 150)}
      />
      <ul id={list} role="listbox" aria-label="Suggestions" hidden={!open || options.length === 0}>
        {options.map((each, number) => (
          <li key={each.value} id={`${list}-${number}`} role="option" aria-selected={number === at} onMouseDown={() => take(each)}>
            {each.text.text}
            {each.description && <small>{each.description.text}</small>}
          </li>
        ))}
      </ul>
      <p className="visually-hidden" role="status">
        {open ? `${options.length} suggestions` : ""}
      </p>
    </div>
  );
}
