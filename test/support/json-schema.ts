/** The JSON Schema of chain.yaml in the hands of an independent validator: Python's jsonschema, from Debian or PyPI. */
import { spawnSync } from "node:child_process";
import { chainJsonSchema } from "../../src/chain/index.ts";

/** Reads a schema and then a document a line; says for each whether it is valid. */
const SCRIPT = `
import json, sys
from jsonschema import Draft202012Validator as V
V.check_schema(schema := json.loads(sys.stdin.readline()))
v = V(schema)
for line in sys.stdin:
    print(json.dumps(v.is_valid(json.loads(line))))
`;

/** Why there is no validator, if so. */
export function noValidator(): string | undefined {
  const { status } = spawnSync("python3", ["-c", "from jsonschema import Draft202012Validator"]);
  return status === 0 ? undefined : "python3 has no jsonschema: apt install python3-jsonschema";
}

/** Whether each document is valid. */
export function validity(documents: readonly unknown[]): readonly boolean[] {
  const input = [chainJsonSchema(), ...documents].map((value) => `${exactJson(value)}\n`).join("");
  const { status, stdout, stderr } = spawnSync("python3", ["-c", SCRIPT], { input, encoding: "utf8", maxBuffer: 1e9 });
  if (status !== 0) throw new Error(`the validator failed: ${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line === "true");
}

/** JSON with every digit of a bigint. */
function exactJson(value: unknown): string {
  const marked = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "bigint"
      ? `\u0001${inner}\u0001`
      : typeof inner === "number" && !Number.isFinite(inner)
        ? null
        : inner,
  );
  return marked.replaceAll(/"\\u0001(-?\d+)\\u0001"/g, "$1");
}
