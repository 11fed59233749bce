// Draws a Mermaid text. Loaded only when a merge request is looked at, for it is larger than the rest of the page.
import mermaid from "mermaid";

let count = 0;

export async function draw(text: string, dark: boolean): Promise<string> {
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    theme: dark ? "dark" : "neutral",
    flowchart: { useMaxWidth: false },
  });
  const { svg } = await mermaid.render(`diagram-${(count += 1)}`, text);
  // Mermaid gives HTML, an image wants XML.
  const drawn = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  if (!drawn) throw new Error("nothing was drawn");
  return new XMLSerializer().serializeToString(drawn);
}
