/** Calls of one handle, one after the other. */
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { turns } from "../../../src/loader/turns.ts";

/** A task that goes on until it is told to end. */
function open<T>(result: T): { readonly task: () => Promise<T>; readonly end: () => void } {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { task: () => ended.then(() => result), end };
}

it("a signal ends the wait for a turn, and those that come later wait for those before", async () => {
  const queue = turns("over");
  const done: string[] = [];
  const first = open("first");
  const cancel = new AbortController();
  const one = queue.take(first.task);
  const given = queue.take(() => Promise.resolve(void done.push("given up")), cancel.signal);
  const last = queue.take(() => Promise.resolve(void done.push("last")));
  const reason = new Error("enough");
  cancel.abort(reason);
  await expect(given).rejects.toMatchObject({ code: "aborted", cause: reason });
  const late = queue.take(() => Promise.resolve(void done.push("late")), cancel.signal);
  await expect(late).rejects.toMatchObject({ code: "aborted" });
  await setImmediate();
  expect(done).toEqual([]);
  first.end();
  expect(await one).toBe("first");
  await last;
  expect(done).toEqual(["last"]);
});

it("from its turn on, a signal is the task's own", async () => {
  const queue = turns("over");
  const task = open("done");
  const cancel = new AbortController();
  const one = queue.take(task.task, cancel.signal);
  const two = queue.take(() => Promise.resolve("too"), cancel.signal);
  await setImmediate();
  task.end();
  expect(await two).toBe("too");
  cancel.abort();
  expect(await one).toBe("done");
  expect(await queue.take(() => Promise.resolve("asks itself"), cancel.signal)).toBe("asks itself");
});

it("its end takes no more, and comes when all is over that was asked for: at once where nothing is", async () => {
  const idle = turns("over");
  const heard: string[] = [];
  idle.end(() => heard.push("idle"));
  expect(heard).toEqual(["idle"]);
  await idle[Symbol.asyncDispose]();

  const queue = turns("over");
  const { task, end } = open("done");
  const one = queue.take(task);
  const two = queue.take(() => Promise.reject(new Error("fails")));
  queue.end(() => heard.push("both"));
  await expect(queue.take(task)).rejects.toMatchObject({ code: "usage", message: "over" });
  expect(() => queue.requireOpen()).toThrow("over");
  await setImmediate();
  expect(heard).toEqual(["idle"]);
  end();
  await queue[Symbol.asyncDispose]();
  expect(heard).toEqual(["idle", "both"]);
  expect(await one).toBe("done");
  await expect(two).rejects.toThrow("fails");
});
