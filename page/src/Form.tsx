// Gives the elements of one message or view their values, and carries clicks to the bot.
import { useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { FormContext, initial } from "./values";
import type { Form } from "./values";
import type { Block, Option, Values, Where } from "./types";
import { useWorld } from "./world";

type Given = { where: Where; blocks: Block[]; errors?: Record<string, string>; children: ReactNode; told?: (values: Values) => void };

const NONE = {};

export function Filled({ where, blocks, errors = NONE, children, told }: Given) {
  const { act } = useWorld();
  const [own, setOwn] = useState<Values>(NONE);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const values = useMemo(() => merged(initial(blocks), own), [blocks, own]);
  useEffect(() => {
    told?.(values);
  }, [values]);
  const form: Form = {
    where,
    values,
    errors,
    busy,
    set: (block, element, picked) =>
      setOwn((before) => merged(before, { [block]: { [element.action_id]: { type: element.type, ...picked } } })),
    press: async (block, element, picked) => {
      setBusy(true);
      const done = await act("press", { where, block, action: element.action_id, picked, values });
      setBusy(false);
      setFailed(done.error ?? "");
    },
    suggest: async (block, element, typed) => {
      const done = await act("suggest", { where, block, action: element.action_id, typed });
      return (done.options ?? []) as Option[];
    },
  };
  return (
    <FormContext value={form}>
      {children}
      {failed && (
        <p className="error" role="alert">
          That did not work ({failed}).
        </p>
      )}
    </FormContext>
  );
}

/** Inputs keep what was typed when a view is drawn anew, as long as their ids stay. */
function merged(first: Values, second: Values): Values {
  const made: Values = { ...first };
  for (const [block, actions] of Object.entries(second)) made[block] = { ...made[block], ...actions };
  return made;
}
