/** Names of interfaces that find none, and what a user is told. */
import { expect, it } from "vitest";
import { requireInterface } from "../../../src/loader/machine/interface.ts";
import { FakeKernel } from "./fake-kernel.ts";

it.each([
  ["", "usage", /^the name given for an interface is empty: name one of .*\blo\b/],
  [
    "l0",
    "interface-missing",
    /^there is no interface l0 in this network namespace, which has [^;]*(; did you mean \S+\?)?$/,
  ],
  ["fifteen-letters", "interface-missing", /^there is no interface fifteen-letters [^;]*$/],
  [
    "sixteen-letters-",
    "interface-missing",
    /; a name of more than 15 bytes can only be an alternative one, .* use the interface's own/,
  ],
])("%j: %s", (name, code, message) => {
  const look = (): number => requireInterface(new FakeKernel(), name);
  expect(look).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }));
});
