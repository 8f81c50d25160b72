// Holds a dashboard against the types that Grafana publishes of its own: node check.mjs FILE
// Prints what does not fit, with the line in the file, and ends with 1 then.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const source = fileURLToPath(new URL("dashboard.ts", import.meta.url));
// One line before the dashboard's first. The types have enums where JSON has their texts.
const text = `import type { Dashboard } from "@grafana/schema"; type Plain<T> = T extends string ? \`\${T}\` : T extends (infer I)[] ? Plain<I>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
export const dashboard: Plain<Dashboard> = ${readFileSync(process.argv[2], "utf8")};`;

const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
};
const host = ts.createCompilerHost(options);
const { fileExists, readFile } = host;
host.fileExists = (name) => name === source || fileExists(name);
host.readFile = (name) => (name === source ? text : readFile(name));

const found = ts.getPreEmitDiagnostics(ts.createProgram([source], options, host));
for (const { file, start, messageText } of found) {
  const line = file && file.fileName === source ? file.getLineAndCharacterOfPosition(start).line : file?.fileName;
  console.log(`${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}
process.exitCode = found.length === 0 ? 0 : 1;
