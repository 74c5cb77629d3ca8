/** `xdpgen schema`: the JSON Schema of chain.yaml, for editors. */
import { chainJsonSchema } from "../../chain/index.ts";
import { command, type CommonOptions, type MakeCommand, printJson } from "../common.ts";

interface Options extends CommonOptions {
  readonly output?: string;
}

export const schemaCommand: MakeCommand = (io) =>
  command(
    "schema",
    "Prints the JSON Schema (draft 2020-12) of chain.yaml. Editors with yaml-language-server complete and check a file that begins with `# yaml-language-server: $schema=chain.schema.json`.",
    [
      ["xdpgen schema -o chain.schema.json", "write it to a file"],
      ["xdpgen schema | jq '.[\"$defs\"].edge'", "what an edge may be"],
    ],
  )
    .option("-o, --output <path>", "the file to write; - or nothing is standard output")
    .action(async ({ output = "-", json }: Options) => {
      const schema = chainJsonSchema();
      if (output === "-") {
        printJson(io, schema);
        return;
      }
      const text = `${JSON.stringify(schema, undefined, 2)}\n`;
      await io.writeFile(output, text);
      const bytes = Buffer.byteLength(text);
      if (json) printJson(io, { file: { path: output, bytes } });
      else io.out.write(`${output}: ${bytes} bytes\n`);
    });
