// The local forge's merge requests: a list, and one with its diff, its diagram and its description.
import { useEffect, useState } from "react";
import Markdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { Link } from "./Blocks";
import { mergeRequest, mergeRequests } from "./server";
import type { Listed, MergeRequest } from "./types";
import { useWorld } from "./world";

export function MergeRequests({ open }: { open: (url: string) => void }) {
  const { state } = useWorld();
  const [found, setFound] = useState<Listed[] | null>(null);
  useEffect(() => void mergeRequests().then(setFound, () => setFound([])), [state.version]);
  return (
    <div className="sheet" tabIndex={0} role="region" aria-label="Merge requests">
      <p className="quiet">On the local forge: a bare repository beside the sample, with merge requests as files.</p>
      {found?.length === 0 && <p>None yet. Ask for access in a channel, then open the drafted change.</p>}
      <ul className="listed">
        {found?.map((each) => (
          <li key={each.url}>
            <button type="button" className="example" onClick={() => open(each.url)}>
              <b>
                !{each.number} {each.title}
              </b>
              <span>
                <State state={each.state} /> by {each.author}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function OneMergeRequest({ url }: { url: string }) {
  const { state } = useWorld();
  const [found, setFound] = useState<MergeRequest | null>(null);
  const [failed, setFailed] = useState("");
  useEffect(() => void mergeRequest(url).then(setFound, (failure: Error) => setFailed(failure.message)), [url, state.version]);
  if (failed) return <p className="sheet error">{failed}</p>;
  if (!found) return <p className="sheet">Reading…</p>;
  const diagrams = [...found.body.matchAll(/```+mermaid\n([\s\S]*?)\n```+/g)].map((each) => each[1] ?? "");
  return (
    <div className="sheet" tabIndex={0} role="region" aria-label={`Merge request ${found.number}`}>
      <h3>
        !{found.number} {found.title}
      </h3>
      <p>
        <State state={found.state} /> <code>{found.source}</code> into <code>{found.target}</code>
      </p>
      <dl className="facts">
        <Fact name="Opened by" said={[found.author]} />
        <Fact name="Reviewers" said={found.reviewers} />
        <Fact name="Approved by" said={found.approvals} />
        <Fact name="Labels" said={found.labels} />
        <Fact name="Merged as" said={found.merged_commit ? [found.merged_commit.slice(0, 12)] : []} />
      </dl>
      <h4>Changes</h4>
      {found.files.map((file) => (
        <Diff key={file.path} path={file.path} diff={file.diff} />
      ))}
      {diagrams.length > 0 && <h4>Diagram</h4>}
      {diagrams.map((text) => (
        <Diagram key={text} text={text} />
      ))}
      <h4>Description</h4>
      <div className="markdown">
        <Markdown
          remarkPlugins={[remarkGfm]}
          components={{
            h1: "h5",
            h2: "h5",
            h3: "h6",
            table: ({ children }) => (
              <div className="wide" tabIndex={0} role="region" aria-label="Table">
                <table>{children}</table>
              </div>
            ),
            pre: ({ children }) => <Pre>{children}</Pre>,
            a: ({ href, children }) => <Link href={href}>{children}</Link>,
            img: ({ alt }) => <>{alt}</>,
          }}
        >
          {found.body.replace(/```+mermaid\n[\s\S]*?\n```+/g, "*The diagram is drawn above.*")}
        </Markdown>
      </div>
      {found.notes.length > 0 && <h4>Notes</h4>}
      {found.notes.map((note) => (
        <p key={note.at + note.text} className="note">
          <b>{note.by}</b> {note.text}
        </p>
      ))}
    </div>
  );
}

function Pre({ children }: { children?: React.ReactNode }) {
  return (
    <pre tabIndex={0} role="region" aria-label="Text">
      {children}
    </pre>
  );
}

function State({ state }: { state: MergeRequest["state"] }) {
  return <span className={`badge ${state}`}>{state === "opened" ? "open" : state}</span>;
}

function Fact({ name, said }: { name: string; said: string[] }) {
  if (!said.length) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{said.join(", ")}</dd>
    </div>
  );
}

function Diff({ path, diff }: { path: string; diff: string }) {
  const kind = (line: string) => (line.startsWith("@@") ? "hunk" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "");
  return (
    <figure className="diff">
      <figcaption>{path}</figcaption>
      <pre tabIndex={0} aria-label={`Changes of ${path}`}>
        {diff.trimEnd().split("\n").slice(2).map((line, number) => (
          <span key={number} className={kind(line)}>
            {line}
            {"\n"}
          </span>
        ))}
      </pre>
    </figure>
  );
}

/** As an image: whatever a diagram's text holds, it can run nothing and reach nothing there. */
function Diagram({ text }: { text: string }) {
  const [source, setSource] = useState("");
  const [failed, setFailed] = useState("");
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  useEffect(() => {
    const module = "/assets/diagram.js";
    (import(module) as Promise<typeof import("./diagram")>)
      .then(({ draw }) => draw(text, dark))
      .then((svg) => setSource(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`))
      .catch((failure: Error) => setFailed(failure.message));
  }, [text, dark]);
  const edges = text.split("\n").filter((line) => line.includes("-->")).length;
  return (
    <figure className="diagram">
      <div className="wide" tabIndex={0} role="region" aria-label="Architecture diagram">
        {source && <img src={source} alt={`Architecture diagram with ${edges} connections; they stand as a table in the description`} />}
      </div>
      {failed && <p className="error">The diagram could not be drawn ({failed}).</p>}
      <details>
        <summary>As text (Mermaid)</summary>
        <pre tabIndex={0} aria-label="Mermaid text">
          {text}
        </pre>
      </details>
    </figure>
  );
}
