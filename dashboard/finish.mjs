// After the builds: beside each file its compressed forms, and the documents that pages send by id.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const out = "../rest/built_pages";
const assets = join(out, "assets");
const COMPRESSIBLE = /\.(js|css|svg|json|map|ttf)$/;

for (const name of await readdir(assets)) {
  if (!COMPRESSIBLE.test(name)) continue;
  const file = join(assets, name);
  const content = await readFile(file);
  // The best quality takes ten seconds for the explorer, and saves 1 % more.
  const params = { [constants.BROTLI_PARAM_QUALITY]: content.length > 1 << 20 ? 10 : 11 };
  await writeFile(`${file}.br`, brotliCompressSync(content, { params }));
  await writeFile(`${file}.gz`, gzipSync(content, { level: 9 }));
}
// A page of the last release may still be open when the server has been upgraded: what it sends is known too.
const documents = await Promise.all(
  ["released-documents.json", "src/gql/persisted-documents.json"].map(async (file) =>
    JSON.parse(await readFile(file, "utf8")),
  ),
);
await writeFile(join(out, "documents.json"), JSON.stringify(Object.assign({}, ...documents)));
