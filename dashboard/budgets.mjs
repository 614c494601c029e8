// Fails if a page has become larger than its budget: what its first view loads, and what it loads when a part is opened.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

const out = "../rest/built_pages";
const assets = join(out, "assets");
const KIB = 1024;

const names = await readdir(assets);
const size = async (name, end) => (await stat(join(assets, name + end))).size;
const one = (start, end) => {
  const found = names.filter((name) => name.startsWith(start) && name.endsWith(end));
  if (found.length !== 1) throw new Error(`${found.length} files are called ${start}*${end}`);
  return found[0];
};

const html = await readFile(join(out, "index.html"), "utf8");
const first = [...html.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)].map((match) => match[1]);

// Without what formats a text, which is loaded when it is wanted.
const EXPLORER = [
  ...["explorer-*.js", "explorer-*.css", "monaco-editor-*.js", "monaco-editor-*.css", "mouseTarget-*.js"],
  ...["jsonMode-*.js", "graphqlMode-*.js", "codicon-*.ttf"],
].map((pattern) => one(...pattern.split("*")));
const WORKERS = names.filter((name) => /worker-.*\.js$/.test(name));
const all = async (files) =>
  (await Promise.all(files.map((name) => size(name, ".br")))).reduce((sum, one) => sum + one, 0);

const rows = [
  ["first view (Brotli)", await all(first), 160 * KIB],
  ["terminal (gzip)", (await size(one("Terminals-", ".js"), ".gz")) + (await size(one("PlainTerminal-", ".js"), ".gz")), 160 * KIB],
  ["editor (gzip)", (await size(one("Configuration-", ".js"), ".gz")) + (await size(one("TextEditor-", ".js"), ".gz")), 150 * KIB],
  ["files (gzip)", await size(one("FilesTab-", ".js"), ".gz"), 10 * KIB],
  ["explorer (Brotli)", await all(EXPLORER), 1024 * KIB],
  ["its workers (Brotli)", await all(WORKERS), 160 * KIB],
  ["charts (gzip)", await size(one("Chart-", ".js"), ".gz"), 25 * KIB],
];
for (const [name, is, most] of rows) {
  console.log(`${name}: ${(is / KIB).toFixed(1)} of ${most / KIB} KiB`);
  if (is > most) process.exitCode = 1;
}
