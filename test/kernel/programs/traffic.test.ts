/** The traffic source against the counter: frames sent are frames counted, so later tests may count losses with it. */
import { describe, expect, test } from "vitest";
import { openKernel } from "../../../src/loader/ffi/index.ts";
import { ethernet, frame, payload } from "../../../src/packets/index.ts";
import { kernelMissing, Sample, u32 } from "../../support/samples.ts";
import { traffic } from "../../support/traffic.ts";
import { veth } from "../../support/veth.ts";

const COUNT = 200_000;

describe.skipIf(kernelMissing())("traffic", () => {
  const kernel = openKernel();
  const data = frame(ethernet(), payload(46));

  test("every frame arrives and is counted", async () => {
    using pair = veth("xbtr");
    using counter = new Sample(kernel, "counter");
    using link = kernel.linkXdp(counter.fd(), kernel.interfaceIndex(pair.far), "native");
    expect(link.number).toBeGreaterThan(0);
    using source = traffic(kernel, pair.near);
    const sent = await source.send(data, COUNT);
    expect(source.sent()).toBe(sent);
    expect(sent).toBeGreaterThan(COUNT / 2);
    expect(counter.count("totals")).toBe(sent);
    expect(counter.count("totals", u32(0), 8)).toBe(counter.count("totals") * data.length);
  });

  test("an end without an XDP program gets nothing", async () => {
    using pair = veth("xbtr");
    using counter = new Sample(kernel, "counter");
    using source = traffic(kernel, pair.near);
    await source.send(data, 1000);
    expect(counter.count("totals")).toBe(0);
  });

  test("an interface that is not there is named", () => {
    expect(() => traffic(kernel, "xb-nowhere")).toThrow("xb-nowhere");
  });
});
