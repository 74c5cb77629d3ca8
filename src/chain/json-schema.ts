/**
 * The JSON Schema of chain.yaml (draft 2020-12), for editors: the parser's own schema, written by zod. It accepts
 * whatever the parser accepts. What needs two fields to judge, as whether an edge's name is a program's, it cannot say.
 */
import * as z from "zod";
import { chainSchema } from "./schema.ts";
import { type JsonSchema, spellings } from "./spelling.ts";

/** A fresh value, the same each time. */
export function chainJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(chainSchema, {
    target: "draft-2020-12",
    io: "input",
    // A bigint comes out as `{}`, anything.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const json: Record<string, unknown> = jsonSchema;
      const spelling = spellings.get(zodSchema);
      if (spelling) replace(json, spelling.write({ ...json }));
      // zod leaves the default of a preprocessed value out.
      else if (zodSchema instanceof z.ZodDefault) json["default"] = zodSchema.def.defaultValue;
      else if (zodSchema instanceof z.ZodNumber) unbounded(json);
      else if (zodSchema instanceof z.ZodUnion) json["anyOf"] = withoutAnything(json["anyOf"] as readonly object[]);
    },
  });
  return { $schema, title: "xdpgen chain.yaml", ...rest };
}

function replace(json: Record<string, unknown>, by: JsonSchema): void {
  for (const key of Object.keys(json)) delete json[key];
  Object.assign(json, by);
}

/** An integer of JSON has any size: the bounds of an exact number are JavaScript's. */
function unbounded(json: Record<string, unknown>): void {
  if (json["minimum"] === Number.MIN_SAFE_INTEGER) delete json["minimum"];
  if (json["maximum"] === Number.MAX_SAFE_INTEGER) delete json["maximum"];
}

/** Beside a number, a bigint adds nothing. */
function withoutAnything(schemas: readonly object[]): readonly object[] {
  return schemas.filter((schema) => Object.keys(schema).length > 0);
}
