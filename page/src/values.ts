// What stands in the elements of one message or view: their values, their errors, and how a click leaves for the bot.
import { createContext, useContext } from "react";
import type { Block, Element, Option, Picked, Values, Where } from "./types";

export type Form = {
  where: Where;
  values: Values;
  errors: Record<string, string>;
  set: (block: string, element: Element, picked: Picked) => void;
  press: (block: string, element: Element, picked: Picked) => Promise<void>;
  suggest: (block: string, element: Element, typed: string) => Promise<Option[]>;
  busy: boolean;
};

export const FormContext = createContext<Form | null>(null);

export function useForm(): Form {
  const form = useContext(FormContext);
  if (!form) throw new Error("an element stands outside of a form");
  return form;
}

/** The values that inputs begin with. */
export function initial(blocks: Block[]): Values {
  const values: Values = {};
  for (const block of blocks)
    for (const element of [block.element, block.accessory, ...(block.elements ?? [])]) {
      if (!element?.action_id || block.type === "context" || element.type === "button") continue;
      (values[block.block_id] ??= {})[element.action_id] = { type: element.type, ...first(element) };
    }
  return values;
}

function first(element: Element): Picked {
  const many = element.type.startsWith("multi_") || element.type === "checkboxes";
  if (many && element.type.includes("users")) return { selected_users: element.initial_users ?? [] };
  if (many) return { selected_options: element.initial_options ?? [] };
  switch (element.type) {
    case "users_select":
      return { selected_user: element.initial_user ?? null };
    case "channels_select":
      return { selected_channel: element.initial_channel ?? null };
    case "conversations_select":
      return { selected_conversation: element.initial_conversation ?? null };
    case "datepicker":
      return { selected_date: element.initial_date ?? null };
    case "timepicker":
      return { selected_time: element.initial_time ?? null };
    case "static_select":
    case "external_select":
    case "radio_buttons":
      return { selected_option: element.initial_option ?? null };
    default:
      return { value: element.initial_value ?? null };
  }
}

/** Whether an input says nothing, so that a field which is not optional can't be sent. */
export function isEmpty(picked: Picked | undefined): boolean {
  const said = Object.entries(picked ?? {}).find(([name]) => name !== "type")?.[1];
  return said == null || said === "" || (Array.isArray(said) && said.length === 0);
}
