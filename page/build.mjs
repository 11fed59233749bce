// Bundles the page into bot/web/playground/assets, with the licences of all that went into it.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const OUT = "../bot/web/playground/assets";

// Mermaid draws thirty kinds of diagram, each loaded on its own; ours are flowcharts laid out by dagre.
const onlyFlowcharts = {
  name: "only-flowcharts",
  setup(building) {
    building.onResolve({ filter: /./ }, ({ kind, path, importer }) =>
      kind === "dynamic-import" && importer.includes("/mermaid/") && !/flowDiagram-|dagre-/.test(path)
        ? { path, namespace: "left-out" }
        : undefined,
    );
    building.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "export const diagram = undefined;" }));
  },
};

async function bundle(entry, name, format) {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: `${OUT}/${name}`,
    bundle: true,
    minify: true,
    format,
    target: "es2022",
    charset: "utf8",
    legalComments: "none", // the licences stand whole in LICENCES.txt
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".svg": "dataurl" },
    plugins: [onlyFlowcharts],
    metafile: true,
    logLevel: "warning",
  });
  return Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
}

async function licences(inputs) {
  const folders = new Set(inputs.map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean));
  const texts = new Map();
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const file = (await readdir(folder)).find((each) => /^(licen[cs]e|copying)/i.test(each));
    const text = file ? (await readFile(`${folder}/${file}`, "utf8")).replace(/\r/g, "").trim() : "(the package has no licence file)";
    if (!license && !file) throw new Error(`${name} names no licence`);
    texts.set(`${name} ${version}`, `${name} ${version} (${license ?? "see below"})\n\n${text}`);
  }
  return `What the bundles of this folder contain, with their licences.\n\n${[...texts.values()].join(`\n\n${"-".repeat(78)}\n\n`)}\n`;
}

// A test holds these against the sources, so that nobody ships a page that is older than they are.
async function sources() {
  const names = (await readdir("src")).map((name) => `src/${name}`);
  const hashes = {};
  for (const name of [...names, "build.mjs", "package-lock.json", "package.json", "tsconfig.json"].sort())
    hashes[name] = createHash("sha256").update(await readFile(name)).digest("hex");
  return `${JSON.stringify(hashes, null, 1)}\n`;
}

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });
const used = [...(await bundle("src/main.tsx", "page.js", "esm")), ...(await bundle("src/diagram.ts", "diagram.js", "esm"))];
await copyFile("src/index.html", `${OUT}/index.html`);
await copyFile("src/icon.svg", `${OUT}/icon.svg`);
await writeFile(`${OUT}/LICENCES.txt`, await licences(used));
await writeFile(`${OUT}/SOURCES.json`, await sources());
