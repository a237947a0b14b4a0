// Compiles src/ with the pinned npm solc into artifacts/<Name>.json (abi and bytecode only, sorted keys, no metadata
// hash: the same sources give the same bytes on every machine). `--check` writes nothing and exits 1 on a difference.
import { mkdirSync, readFileSync, readdirSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");
const ROOT = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(ROOT, "src");
const ARTIFACTS = join(ROOT, "artifacts");
// Contracts that come from OpenZeppelin and are deployed as they are.
const IMPORTED = [["@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol", "ERC1967Proxy"]];

function solidityFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? solidityFiles(path) : path.endsWith(".sol") ? [path] : [];
    })
    .sort();
}

function compile() {
  const own = solidityFiles(SOURCES).map((path) => relative(ROOT, path).split(sep).join("/"));
  const read = (name) => readFileSync(join(ROOT, name.startsWith("@") ? "node_modules" : "", name), "utf8");
  const sources = Object.fromEntries([...own, ...IMPORTED.map(([file]) => file)].map((name) => [name, { content: read(name) }]));
  const input = {
    language: "Solidity",
    sources,
    settings: {
      evmVersion: "cancun",
      viaIR: true,
      optimizer: { enabled: true, runs: 200 },
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), {
      import: (name) => {
        try {
          return { contents: read(name) };
        } catch (error) {
          return { error: `${name}: ${error.code}` };
        }
      },
    }),
  );
  const complaints = (output.errors ?? []).filter((item) => item.severity === "error" || !item.formattedMessage.includes("@openzeppelin/"));
  if (complaints.length > 0) {
    process.stderr.write(complaints.map((item) => item.formattedMessage).join("\n"));
    process.exit(2);
  }
  const wanted = new Map(IMPORTED.map(([file, name]) => [`${file}:${name}`, true]));
  const artifacts = {};
  for (const [file, contracts] of Object.entries(output.contracts)) {
    for (const [name, built] of Object.entries(contracts)) {
      if (!(own.includes(file) || wanted.has(`${file}:${name}`))) continue;
      if (built.evm.bytecode.object === "") continue;
      artifacts[name] = render(built);
    }
  }
  return artifacts;
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort(order).map((key) => [key, sorted(value[key])]));
}

function render(built) {
  const key = (item) => `${item.type} ${item.name ?? ""} ${(item.inputs ?? []).map((input) => input.type).join(",")}`;
  const abi = built.abi.map(sorted).sort((a, b) => order(key(a), key(b)));
  const lines = abi.map((item) => `    ${JSON.stringify(item)}`).join(",\n");
  return `{\n  "abi": [\n${lines}\n  ],\n  "bytecode": "0x${built.evm.bytecode.object}"\n}\n`;
}

const artifacts = compile();
const committed = existsSync(ARTIFACTS) ? readdirSync(ARTIFACTS).filter((name) => name.endsWith(".json")) : [];
const names = Object.keys(artifacts).sort(order);
const stale = committed.filter((file) => !(file.slice(0, -".json".length) in artifacts));
const changed = names.filter((name) => {
  const path = join(ARTIFACTS, `${name}.json`);
  return !existsSync(path) || readFileSync(path, "utf8") !== artifacts[name];
});

if (process.argv.includes("--check")) {
  if (changed.length + stale.length > 0) {
    process.stderr.write(`artifacts differ from src: ${[...changed, ...stale].join(", ")}; run: node build.mjs\n`);
    process.exit(1);
  }
  process.stdout.write(`${names.length} artifacts match src\n`);
} else {
  mkdirSync(ARTIFACTS, { recursive: true });
  for (const file of stale) rmSync(join(ARTIFACTS, file));
  for (const name of names) writeFileSync(join(ARTIFACTS, `${name}.json`), artifacts[name]);
  process.stdout.write(`${names.length} artifacts, ${changed.length} changed\n`);
}
