// The modal on top of the stack. The browser's own dialog keeps the focus inside and gives it back at the end.
import { useEffect, useRef, useState } from "react";
import { Blocks } from "./Blocks";
import { Filled } from "./Form";
import { isEmpty } from "./values";
import type { Values, View } from "./types";
import { useWorld } from "./world";

export function Modal({ view }: { view: View }) {
  const { act } = useWorld();
  const dialog = useRef<HTMLDialogElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const values = useRef<Values>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failed, setFailed] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    body.current?.querySelector<HTMLElement>("input, textarea, select")?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  // A view that was exchanged in its place is read from its beginning, like one that was just opened.
  useEffect(() => {
    if (body.current && !dialog.current?.contains(document.activeElement)) body.current.focus();
    body.current?.scrollTo(0, 0);
    setErrors({});
  }, [view.hash]);

  const close = () => void act("close", { view: view.id });
  const refuse = (found: Record<string, string>) => {
    setErrors(found);
    const first = view.blocks.find((block) => found[block.block_id]);
    if (first) document.getElementById(`${first.block_id}-field`)?.focus();
  };
  const submit = async () => {
    if (busy) return;
    const needed = view.blocks.filter((block) => block.type === "input" && !block.optional);
    const missing = needed.filter((block) => isEmpty(values.current[block.block_id]?.[block.element?.action_id ?? ""]));
    if (missing.length) return refuse(Object.fromEntries(missing.map((block) => [block.block_id, "This is a required field"])));
    setBusy(true);
    const done = await act("submit", { view: view.id, values: values.current });
    setBusy(false);
    setFailed(done.error ?? "");
    refuse(done.errors ?? {});
  };

  return (
    <dialog
      ref={dialog}
      className="modal"
      aria-labelledby={`${view.id}-title`}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <header>
          <h2 id={`${view.id}-title`}>{view.title?.text}</h2>
          <button type="button" className="icon" aria-label="Close" onClick={close}>
            ×
          </button>
        </header>
        <div className="body" ref={body} tabIndex={0} role="group" aria-labelledby={`${view.id}-title`}>
          <Filled where={{ view: view.id }} blocks={view.blocks} errors={errors} told={(now) => (values.current = now)}>
            <Blocks blocks={view.blocks} />
          </Filled>
          {failed && (
            <p className="error" role="alert">
              We had some trouble connecting ({failed}). Try again?
            </p>
          )}
        </div>
        <footer className="buttons">
          <button type="button" className="button" onClick={close}>
            {view.close?.text ?? "Cancel"}
          </button>
          {view.submit && (
            <button type="submit" className="button primary" aria-disabled={busy || undefined}>
              {view.submit.text}
            </button>
          )}
        </footer>
      </form>
    </dialog>
  );
}
